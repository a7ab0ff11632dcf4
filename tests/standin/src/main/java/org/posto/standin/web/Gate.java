package org.posto.standin.web;

import java.io.IOException;
import java.util.Properties;
import javax.servlet.Filter;
import javax.servlet.FilterChain;
import javax.servlet.ServletException;
import javax.servlet.ServletRequest;
import javax.servlet.ServletResponse;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.posto.standin.Application;
import org.posto.standin.Phase;
import org.posto.standin.setup.InstallScript;

/** In front of everything: the health addresses, and the way to the setup page while the application does not run. */
public final class Gate implements Filter {
    @Override
    public void doFilter(ServletRequest plainRequest, ServletResponse plainResponse, FilterChain chain)
            throws IOException, ServletException {
        HttpServletRequest request = (HttpServletRequest) plainRequest;
        HttpServletResponse response = (HttpServletResponse) plainResponse;
        Application application = Application.of(request.getServletContext());
        Phase phase = application.phase();
        // Decoded, normalised and without path parameters, as OpenMRS looks at it: "/%69nitialsetup;x" is the setup page too.
        String path = request.getServletPath();
        if (path.equals("/health/started")) {
            response.setStatus(phase.started);
        } else if (path.equals("/health/alive")) {
            response.setStatus(phase.alive);
        } else if (phase == Phase.RUNNING) {
            chain.doFilter(request, response);
        } else if (path.equals("/initialsetup")) {
            setUp(application, request, response);
        } else {
            response.sendRedirect(application.site().setupAddress());
        }
    }

    /** Answers anybody, without a login: so does OpenMRS's wizard. */
    private static void setUp(Application application, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        if (application.phase() == Phase.WAITING_FOR_INSTALLATION) {
            InstallScript script = switch (request.getMethod()) {
                case "GET" -> application.site().installScript();
                case "POST" -> fromForm(request);
                default -> null;
            };
            if (script != null && script.isAutomatic()) {
                application.install(script);
            }
        }
        Page page = new Page("Initial setup / Instalação inicial");
        switch (application.phase()) {
            case WAITING_FOR_INSTALLATION -> page.paragraph("Waiting for the installation: whoever sees this page may do it."
                    + " / À espera da instalação: quem vê esta página pode fazê-la.");
            case INSTALLING -> page.paragraph("Installing ... / A instalar ...");
            case WAITING_FOR_UPDATE -> page.paragraph("The database must be updated. / A base de dados precisa de ser actualizada.");
            case FAILED -> page.paragraph("The start failed; start again after mending the cause."
                    + " / O arranque falhou; arranque de novo depois de corrigir a causa.");
            default -> page.paragraph("Running. / Em funcionamento.");
        }
        if (!application.trouble().isEmpty()) {
            page.paragraph(application.trouble());
        }
        page.write(response);
    }

    private static InstallScript fromForm(HttpServletRequest request) {
        Properties answers = new Properties();
        request.getParameterMap().forEach((key, values) -> answers.setProperty(key, values[0]));
        answers.setProperty("install_method", "auto");
        return new InstallScript(answers);
    }
}
