package org.posto.standin.web;

import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import javax.servlet.http.HttpSession;
import org.posto.standin.Application;

/** The pages a person sees. The index needs no database; the login page does, as legacyui's does. */
public final class Pages extends HttpServlet {
    private static final long serialVersionUID = 1;

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        Application application = Application.of(getServletContext());
        switch (request.getServletPath()) {
            case "", "/index.htm" -> new Page("OpenMRS seams / Costuras do OpenMRS")
                    .paragraph("Answers where OpenMRS would; holds no patient of anybody."
                            + " / Responde onde o OpenMRS responderia; não guarda pacientes de ninguém.")
                    .write(response);
            case "/login.htm" -> login(application, request, response);
            case "/logout" -> {
                HttpSession session = request.getSession(false);
                if (session != null) {
                    session.invalidate();
                }
                response.sendRedirect(request.getContextPath() + "/login.htm");
            }
            default -> response.sendError(404);
        }
    }

    private void login(Application application, HttpServletRequest request, HttpServletResponse response) throws IOException {
        if (application.modules().areUnloaded()) {
            response.sendError(404);
            return;
        }
        application.passMonitor();
        try {
            String user = Login.user(request);
            Page page = new Page(applicationName(application) + ": log in / entrar");
            if (user != null) {
                page.paragraph("Logged in as / Entrou como " + user);
            }
            page.loginForm(request.getContextPath() + "/loginServlet").write(response);
        } catch (SQLException failure) {
            Trouble.of(request, response, failure);
        }
    }

    private static String applicationName(Application application) throws SQLException {
        try (Connection connection = application.pool().connection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(
                        "select property_value from global_property where property = 'application.name'")) {
            return rows.next() && rows.getString(1) != null ? rows.getString(1) : "OpenMRS";
        }
    }

    @Override
    protected void doPost(HttpServletRequest request, HttpServletResponse response) throws IOException {
        Application application = Application.of(getServletContext());
        if (!request.getServletPath().equals("/loginServlet") || application.modules().areUnloaded()) {
            response.sendError(404);
            return;
        }
        try {
            boolean known = Login.logIn(request, request.getParameter("uname"), request.getParameter("pw"));
            response.sendRedirect(request.getContextPath() + (known ? "/index.htm" : "/login.htm"));
        } catch (SQLException failure) {
            Trouble.of(request, response, failure);
        }
    }
}
