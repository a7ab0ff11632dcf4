package org.posto.standin.web;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import javax.servlet.http.HttpServletResponse;
import org.posto.standin.Application;

/** A page of HTML that says on top what it is not. */
final class Page {
    private final StringBuilder html = new StringBuilder("<!DOCTYPE html>\n<html lang=\"pt\"><head><meta charset=\"utf-8\">");

    Page(String title) {
        html.append("<title>").append(escape(title)).append(" - stand-in</title></head>\n<body><p id=\"stand-in\"><strong>")
                .append(escape(Application.LABEL)).append("</strong></p>\n<h1>").append(escape(title)).append("</h1>\n");
    }

    Page paragraph(String text) {
        html.append("<p>").append(escape(text)).append("</p>\n");
        return this;
    }

    Page loginForm(String action) {
        html.append("<form method=\"post\" action=\"").append(escape(action)).append("\">")
                .append("<label>Username / Utilizador <input name=\"uname\"></label> ")
                .append("<label>Password / Senha <input name=\"pw\" type=\"password\"></label> ")
                .append("<button>Log in / Entrar</button></form>\n");
        return this;
    }

    void write(HttpServletResponse response) throws IOException {
        response.setContentType("text/html;charset=UTF-8");
        response.setHeader("Cache-Control", "no-cache");
        response.getOutputStream().write(html.append("</body></html>\n").toString().getBytes(StandardCharsets.UTF_8));
    }

    static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }
}
