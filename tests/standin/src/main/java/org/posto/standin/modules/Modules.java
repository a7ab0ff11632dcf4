package org.posto.standin.modules;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;

/**
 * The modules of this run. As measured on OpenMRS: a broken file or an unmet requirement is skipped and the rest runs; a
 * RuntimeException in one module's start unloads all of them, and the application still answers 200.
 */
public final class Modules {
    private static final Logger LOG = Logger.getLogger(Modules.class.getName());

    /** A module that runs. */
    public record Running(String id, String name, String version) {}

    private final List<Running> running;
    private final List<String> attempted;
    private final boolean unloaded;

    private Modules(List<Running> running, List<String> attempted, boolean unloaded) {
        this.running = List.copyOf(running);
        this.attempted = List.copyOf(attempted);
        this.unloaded = unloaded;
    }

    public static Modules none() {
        return new Modules(List.of(), List.of(), false);
    }

    public static Modules start(Path directory, String openmrsVersion) {
        List<Omod> started = new ArrayList<>();
        for (Omod omod : inOrder(readable(directory), openmrsVersion)) {
            started.add(omod);
            if (omod.failsOnStart()) {
                LOG.log(Level.SEVERE, "module " + omod.id() + " failed to start",
                        new RuntimeException("standin_fails_on_start"));
                return new Modules(List.of(), started.stream().map(Omod::id).toList(), false).unload();
            }
        }
        return new Modules(started.stream().map(o -> new Running(o.id(), o.name(), o.version())).toList(),
                started.stream().map(Omod::id).toList(), false);
    }

    /** The same server after a failure took all modules away. */
    public Modules unload() {
        LOG.severe("Unloading all modules");
        return new Modules(List.of(), attempted, true);
    }

    private static List<Omod> readable(Path directory) {
        List<Omod> found = new ArrayList<>();
        if (!Files.isDirectory(directory)) {
            return found;
        }
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".omod")).sorted().toList()) {
                try {
                    found.add(Omod.read(file));
                } catch (IOException broken) {
                    LOG.warning("module file " + file.getFileName() + " skipped: " + broken.getMessage());
                }
            }
        } catch (IOException unreadable) {
            LOG.log(Level.SEVERE, "cannot list " + directory, unreadable);
        }
        found.sort(Comparator.comparing(Omod::id));
        return found;
    }

    /** Those whose requirements are met, each after what it requires. */
    private static List<Omod> inOrder(List<Omod> found, String openmrsVersion) {
        List<Omod> waiting = new ArrayList<>(found);
        List<Omod> ordered = new ArrayList<>();
        waiting.removeIf(omod -> {
            boolean refused = !VersionRange.accepts(omod.requireVersion(), openmrsVersion);
            if (refused) {
                LOG.warning("module " + omod.id() + " skipped: it requires OpenMRS " + omod.requireVersion());
            }
            return refused;
        });
        boolean moved = true;
        while (moved) {
            List<Omod> ready = waiting.stream().filter(omod -> isMet(omod, ordered)).toList();
            ordered.addAll(ready);
            waiting.removeAll(ready);
            moved = !ready.isEmpty();
        }
        waiting.forEach(omod -> LOG.warning("module " + omod.id() + " skipped: it requires " + omod.requiredModules()));
        return ordered;
    }

    private static boolean isMet(Omod omod, List<Omod> present) {
        return omod.requiredModules().entrySet().stream().allMatch(required -> present.stream()
                .anyMatch(other -> other.packageName().equals(required.getKey())
                        && VersionRange.accepts(required.getValue(), other.version())));
    }

    /** OpenMRS's own trace of a start, which stays true after the modules are gone and so proves nothing. */
    public void recordStarted(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(
                "insert into global_property (property, property_value, uuid) values (?, 'true', ?)"
                        + " on duplicate key update property_value = 'true'")) {
            for (String id : attempted) {
                statement.setString(1, id + ".started");
                statement.setString(2, UUID.randomUUID().toString());
                statement.executeUpdate();
            }
        }
    }

    public List<Running> running() {
        return running;
    }

    /** True after a failure took all modules away, and with them the login page and the REST addresses. */
    public boolean areUnloaded() {
        return unloaded;
    }
}
