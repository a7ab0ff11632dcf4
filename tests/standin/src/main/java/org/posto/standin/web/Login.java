package org.posto.standin.web;

import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.Base64;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpSession;
import org.posto.standin.Application;

/** Who asks: by session cookie or by basic authentication. */
final class Login {
    private static final String USER = "standin.user";

    private Login() {}

    /** The user's name, or null for nobody. */
    static String user(HttpServletRequest request) throws SQLException {
        HttpSession session = request.getSession(false);
        if (session != null && session.getAttribute(USER) != null) {
            return (String) session.getAttribute(USER);
        }
        String[] pair = basic(request.getHeader("Authorization"));
        if (pair != null && Application.of(request.getServletContext()).accounts().authenticate(pair[0], pair[1])) {
            return pair[0];
        }
        return null;
    }

    static boolean logIn(HttpServletRequest request, String name, String password) throws SQLException {
        if (name == null || password == null
                || !Application.of(request.getServletContext()).accounts().authenticate(name, password)) {
            return false;
        }
        HttpSession old = request.getSession(false);
        if (old != null) {
            old.invalidate();
        }
        request.getSession(true).setAttribute(USER, name);
        return true;
    }

    /** Name and password of a basic Authorization header, or null when it is none. */
    static String[] basic(String header) {
        if (header == null || !header.regionMatches(true, 0, "Basic ", 0, 6)) {
            return null;
        }
        try {
            String text = new String(Base64.getDecoder().decode(header.substring(6).trim()), StandardCharsets.UTF_8);
            int colon = text.indexOf(':');
            return colon < 0 ? null : new String[] {text.substring(0, colon), text.substring(colon + 1)};
        } catch (IllegalArgumentException notBase64) {
            return null;
        }
    }
}
