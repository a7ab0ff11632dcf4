package org.posto.standin.setup;

import java.nio.file.Path;
import java.security.SecureRandom;
import java.sql.Connection;
import java.util.Properties;
import org.posto.standin.Site;
import org.posto.standin.Switches;
import org.posto.standin.database.Accounts;
import org.posto.standin.database.Passwords;
import org.posto.standin.database.Schema;

/** What {@code -DOPENMRS_INSTALLATION_SCRIPT=<file>} holds, and the installation it asks for. */
public record InstallScript(Properties answers) {
    /** OpenMRS's own default, taken by an installation that names no other. */
    static final String DEFAULT_ADMIN_PASSWORD = "Admin123";

    public static InstallScript read(Path file) {
        return new InstallScript(RuntimeProperties.load(file));
    }

    /** Only this method starts without a person; the others wait for the wizard. */
    public boolean isAutomatic() {
        return "auto".equals(answers.getProperty("install_method"));
    }

    /**
     * Creates the tables, sets the admin password, and last of all writes the runtime properties: a start that finds the file
     * finds a finished database.
     */
    public RuntimeProperties install(Site site, Switches switches) throws Exception {
        if (Boolean.parseBoolean(answers.getProperty("create_database_user", "false"))
                || !Boolean.parseBoolean(answers.getProperty("has_current_openmrs_database", "true"))) {
            throw new IllegalArgumentException(
                    "the stand-in creates neither the database nor its user: make both before, and set"
                            + " create_database_user=false and has_current_openmrs_database=true");
        }
        String password = answers.getProperty("admin_user_password", DEFAULT_ADMIN_PASSWORD);
        String weakness = Passwords.weakness(password, "admin");
        if (weakness != null) {
            throw new IllegalArgumentException("admin_user_password " + weakness);
        }
        SecureRandom random = new SecureRandom();
        RuntimeProperties properties = RuntimeProperties.of(answers, random);
        try (Connection connection = properties.connect()) {
            Schema schema = new Schema(connection, switches);
            if (Boolean.parseBoolean(answers.getProperty("create_tables", "true"))) {
                schema.update();
            }
        }
        // A connection of its own: Liquibase leaves its one without autocommit.
        try (Connection connection = properties.connect()) {
            Accounts.setPassword(connection, "admin", password, random);
        }
        properties.write(site.dataDirectory().resolve(site.runtimePropertiesName()));
        return properties;
    }
}
