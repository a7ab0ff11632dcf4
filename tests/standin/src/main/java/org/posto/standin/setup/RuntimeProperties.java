package org.posto.standin.setup;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Base64;
import java.util.Properties;

/** {@code openmrs-runtime.properties}: how to reach the database, and the key that opens encrypted values in it. */
public final class RuntimeProperties {
    private static final String DEFAULT_DRIVER = "org.mariadb.jdbc.Driver";

    private final Properties properties;

    private RuntimeProperties(Properties properties) {
        this.properties = properties;
    }

    public static RuntimeProperties read(Path file) {
        return new RuntimeProperties(load(file));
    }

    static Properties load(Path file) {
        Properties loaded = new Properties();
        try (var reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            loaded.load(reader);
        } catch (IOException failure) {
            throw new UncheckedIOException("cannot read " + file, failure);
        }
        return loaded;
    }

    static RuntimeProperties of(Properties script, SecureRandom random) {
        Properties made = new Properties();
        for (String key : new String[] {"url", "username", "password"}) {
            made.setProperty("connection." + key, script.getProperty("connection." + key, ""));
        }
        made.setProperty("connection.driver_class", script.getProperty("connection.driver_class", DEFAULT_DRIVER));
        made.setProperty("auto_update_database", script.getProperty("auto_update_database", "false"));
        made.setProperty("module.allow_web_admin", script.getProperty("module_web_admin", "false"));
        made.setProperty("encryption.key", key(random));
        made.setProperty("encryption.vector", key(random));
        return new RuntimeProperties(made);
    }

    private static String key(SecureRandom random) {
        byte[] bytes = new byte[16];
        random.nextBytes(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }

    /** Writes the file readable for its owner only, and never for a moment otherwise. */
    void write(Path file) throws IOException {
        Files.createDirectories(file.getParent());
        Files.deleteIfExists(file);
        Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try (Writer writer = Files.newBufferedWriter(file, StandardCharsets.UTF_8)) {
            properties.store(writer, "written by the installation of the Posto stand-in");
        }
    }

    public Connection connect() throws SQLException {
        try {
            Class.forName(driver());
        } catch (ClassNotFoundException missing) {
            throw new SQLException("connection.driver_class " + driver() + " is not in the web application", missing);
        }
        return DriverManager.getConnection(url(), username(), password());
    }

    public String driver() {
        return properties.getProperty("connection.driver_class", DEFAULT_DRIVER);
    }

    public String url() {
        return properties.getProperty("connection.url", "");
    }

    public String username() {
        return properties.getProperty("connection.username", "");
    }

    public String password() {
        return properties.getProperty("connection.password", "");
    }

    public boolean autoUpdateDatabase() {
        return Boolean.parseBoolean(properties.getProperty("auto_update_database", "false").trim());
    }
}
