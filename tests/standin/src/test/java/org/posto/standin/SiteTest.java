package org.posto.standin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SiteTest {
    @TempDir
    Path directory;

    private Site site(String contextPath) {
        Properties system = new Properties();
        system.setProperty("user.home", directory.resolve("home").toString());
        system.setProperty("user.dir", directory.resolve("working").toString());
        system.setProperty("OPENMRS_APPLICATION_DATA_DIRECTORY", directory.resolve("data") + "/");
        return Site.of(contextPath, system);
    }

    private void properties(String folder, String url) throws IOException {
        Files.createDirectories(directory.resolve(folder));
        Files.writeString(directory.resolve(folder).resolve("openmrs-runtime.properties"), "connection.url=" + url + "\n");
    }

    @Test
    void theContextPathNamesThePropertiesAndTheFolder() {
        assertEquals("openmrs-runtime.properties", site("/openmrs").runtimePropertiesName());
        assertEquals(directory.resolve("data"), site("/openmrs").dataDirectory());
        assertEquals("clinic-runtime.properties", site("/clinic").runtimePropertiesName());
        assertEquals(directory.resolve("data/clinic"), site("/clinic").dataDirectory());
    }

    @Test
    void thePropertiesInTheWorkingDirectoryWin() throws IOException {
        assertNull(site("/openmrs").runtimeProperties());
        properties("data", "data");
        assertEquals("data", site("/openmrs").runtimeProperties().url());
        properties("working", "working");
        assertEquals("working", site("/openmrs").runtimeProperties().url());
    }

    @Test
    void withoutAScriptThereIsNoInstallation() {
        assertNull(site("/openmrs").installScript());
    }
}
