package org.posto.standin.web;

import java.io.IOException;
import java.sql.SQLException;
import java.util.logging.Logger;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;

/** What a request gets when the database cannot answer: 500, at once. */
final class Trouble {
    private static final Logger LOG = Logger.getLogger(Trouble.class.getName());

    private Trouble() {}

    static void of(HttpServletRequest request, HttpServletResponse response, SQLException failure) throws IOException {
        LOG.warning(request.getMethod() + " " + request.getRequestURI() + ": " + failure.getMessage());
        response.sendError(500, "the database does not answer");
    }
}
