package org.posto.standin;

import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.posto.standin.setup.InstallScript;
import org.posto.standin.setup.RuntimeProperties;

/**
 * Where this web application keeps its files. OpenMRS derives the names from its context path: a path other than /openmrs has
 * its own properties file and its own folder below the data directory.
 */
public record Site(String name, Path dataDirectory, Path workingDirectory, String scriptFile) {
    static Site of(String contextPath, Properties system) {
        String path = contextPath.replaceFirst("^/", "");
        String name = path.isEmpty() ? "openmrs" : path;
        String given = system.getProperty("OPENMRS_APPLICATION_DATA_DIRECTORY");
        Path data = given == null || given.isBlank()
                ? Path.of(system.getProperty("user.home"), ".OpenMRS")
                : Path.of(given);
        if (!name.equalsIgnoreCase("openmrs")) {
            data = data.resolve(name);
        }
        return new Site(name, data, Path.of(system.getProperty("user.dir")),
                system.getProperty("OPENMRS_INSTALLATION_SCRIPT"));
    }

    public String runtimePropertiesName() {
        return name + "-runtime.properties";
    }

    /** The file in the working directory wins over the one in the data directory; null when there is neither. */
    RuntimeProperties runtimeProperties() {
        for (Path directory : new Path[] {workingDirectory, dataDirectory}) {
            Path file = directory.resolve(runtimePropertiesName());
            if (Files.exists(file)) {
                return RuntimeProperties.read(file);
            }
        }
        return null;
    }

    /** The switches of the data directory; empty when it has no such file. */
    Properties switches() {
        Properties found = new Properties();
        Path file = dataDirectory.resolve(Switches.FILE);
        if (Files.exists(file)) {
            try (Reader reader = Files.newBufferedReader(file)) {
                found.load(reader);
            } catch (IOException unreadable) {
                throw new UncheckedIOException(unreadable);
            }
        }
        return found;
    }

    /** The installation script, or null when none was given. */
    public InstallScript installScript() {
        return scriptFile == null || scriptFile.isBlank() ? null : InstallScript.read(Path.of(scriptFile));
    }

    public String setupAddress() {
        return "/" + name + "/initialsetup";
    }
}
