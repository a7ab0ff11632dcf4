package org.posto.standin.setup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RuntimePropertiesTest {
    @TempDir
    Path directory;

    private Properties written(Properties script) throws IOException {
        Path file = directory.resolve("new/openmrs-runtime.properties");
        RuntimeProperties.of(script, new SecureRandom()).write(file);
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
        return RuntimeProperties.load(file);
    }

    @Test
    void whatTheInstallationWritesIsItsOwnersAloneAndCanBeReadAgain() throws IOException {
        Properties script = new Properties();
        script.setProperty("connection.url", "jdbc:mariadb://127.0.0.1:3306/openmrs?x=y&z=#!");
        script.setProperty("connection.password", "a:b=c\\ d");
        script.setProperty("auto_update_database", "true");
        Properties written = written(script);
        assertEquals(script.getProperty("connection.url"), written.getProperty("connection.url"));
        assertEquals(script.getProperty("connection.password"), written.getProperty("connection.password"));
        assertEquals("true", written.getProperty("auto_update_database"));
        assertFalse(written.containsKey("admin_user_password"));
    }

    @Test
    void everyInstallationHasItsOwnKeys() throws IOException {
        Properties first = written(new Properties());
        Properties second = written(new Properties());
        assertNotEquals(first.getProperty("encryption.key"), second.getProperty("encryption.key"));
        assertNotEquals(first.getProperty("encryption.key"), first.getProperty("encryption.vector"));
    }

    @Test
    void onlyAnAutomaticScriptStartsByItself() {
        Properties answers = new Properties();
        assertFalse(new InstallScript(answers).isAutomatic());
        answers.setProperty("install_method", "auto");
        assertTrue(new InstallScript(answers).isAutomatic());
    }
}
