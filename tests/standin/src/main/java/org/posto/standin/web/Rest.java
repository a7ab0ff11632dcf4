package org.posto.standin.web;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.posto.standin.Application;
import org.posto.standin.Faults;
import org.posto.standin.database.Records;

/**
 * The two REST addresses of webservices.rest that a watcher asks ({@code module}, {@code session}), and the tests' own way to
 * write and count records below {@code /standin/}.
 */
public final class Rest extends HttpServlet {
    private static final long serialVersionUID = 1;
    private static final int MAX_BODY_BYTES = 64 * 1024;
    private static final int MAX_ENCOUNTERS = 100;
    private static final int MAX_OBS = 1000;

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        Application application = Application.of(getServletContext());
        boolean fromModule = request.getServletPath().equals("/ws/rest/v1");
        if (fromModule && application.modules().areUnloaded()) {
            response.sendError(404);
            return;
        }
        application.passMonitor();
        try {
            String user = Login.user(request);
            String path = request.getMethod() + " " + request.getServletPath() + request.getPathInfo();
            if (path.equals("GET /ws/rest/v1/session")) {
                JSONObject session = new JSONObject().put("authenticated", user != null);
                answer(response, 200, user == null ? session : session.put("user", new JSONObject().put("username", user)));
            } else if (user == null) {
                response.setHeader("WWW-Authenticate", "Basic realm=\"OpenMRS at " + application.site().name() + "\"");
                answer(response, 401, error("log in as an OpenMRS user"));
            } else {
                dispatch(application, path, request, response);
            }
        } catch (SQLException failure) {
            Trouble.of(request, response, failure);
        } catch (JSONException | IllegalArgumentException wrong) {
            answer(response, 400, error(wrong.getMessage()));
        }
    }

    private void dispatch(Application application, String path, HttpServletRequest request, HttpServletResponse response)
            throws IOException, SQLException {
        switch (path) {
            case "GET /ws/rest/v1/module" -> answer(response, 200, modules(application));
            case "GET /standin/counts" -> answer(response, 200, new JSONObject(application.records().counts()));
            case "GET /standin/record" -> {
                String uuid = request.getParameter("uuid");
                String table = uuid == null ? null : application.records().find(uuid);
                answer(response, table == null ? 404 : 200, new JSONObject().put("uuid", uuid).put("table", table));
            }
            case "POST /standin/records" -> {
                Records.Added added = application.records().add(entry(fields(request)));
                if (added == null) {
                    answer(response, 404, error("no such patient"));
                } else {
                    answer(response, 201, new JSONObject().put("patient", added.patient())
                            .put("encounters", added.encounters()).put("obs", added.obs()));
                }
            }
            case "POST /standin/fault" -> fault(application.faults(), request.getParameter("what"), response);
            default -> answer(response, 404, error("nothing at " + path));
        }
    }

    private static void fault(Faults faults, String what, HttpServletResponse response) throws IOException {
        if (faults == null) {
            answer(response, 404, error("standin.faults is off"));
        } else {
            faults.cause(String.valueOf(what));
            answer(response, 202, new JSONObject().put("fault", what));
        }
    }

    private static JSONObject modules(Application application) {
        JSONArray results = new JSONArray();
        application.modules().running().forEach(module -> results.put(new JSONObject()
                .put("uuid", module.id()).put("display", module.name()).put("name", module.name())
                .put("version", module.version()).put("started", true)));
        return new JSONObject().put("results", results);
    }

    private static Map<String, Object> fields(HttpServletRequest request) throws IOException {
        if (String.valueOf(request.getContentType()).startsWith("application/json")) {
            byte[] body = request.getInputStream().readNBytes(MAX_BODY_BYTES + 1);
            if (body.length > MAX_BODY_BYTES) {
                throw new IllegalArgumentException("the body is longer than " + MAX_BODY_BYTES + " bytes");
            }
            return new JSONObject(new String(body, StandardCharsets.UTF_8)).toMap();
        }
        Map<String, Object> fields = new HashMap<>();
        request.getParameterMap().forEach((key, values) -> fields.put(key, values[0]));
        return fields;
    }

    static Records.Entry entry(Map<String, Object> fields) {
        return new Records.Entry(text(fields, "patient", null), text(fields, "given", "Maria"), text(fields, "family", "Teste"),
                number(fields, "encounters", 1, MAX_ENCOUNTERS), number(fields, "obs", 3, MAX_OBS));
    }

    private static String text(Map<String, Object> fields, String name, String otherwise) {
        Object value = fields.get(name);
        return value == null ? otherwise : value.toString();
    }

    private static int number(Map<String, Object> fields, String name, int otherwise, int max) {
        int value = Integer.parseInt(text(fields, name, Integer.toString(otherwise)));
        if (value < 0 || value > max) {
            throw new IllegalArgumentException(name + " must be from 0 to " + max);
        }
        return value;
    }

    private static JSONObject error(String message) {
        return new JSONObject().put("error", new JSONObject().put("message", message));
    }

    private static void answer(HttpServletResponse response, int status, JSONObject body) throws IOException {
        response.setStatus(status);
        response.setContentType("application/json;charset=UTF-8");
        response.getOutputStream().write(body.toString().getBytes(StandardCharsets.UTF_8));
    }
}
