package org.posto.standin;

import java.util.Map;
import java.util.Properties;

/**
 * The test switches: a system property {@code standin.startSeconds}, an environment variable {@code STANDIN_START_SECONDS}, or
 * the property's name in the file {@link #FILE} of the data directory, which reaches a machine whose units are read-only; the
 * first of them wins. An unreadable or out-of-range value stops the start, so that a test never runs with a switch it believes
 * to be set.
 */
public record Switches(int startSeconds, boolean busyStart, int migrationSeconds, int schemaLevel, boolean ballast,
        boolean faults) {
    public static final String FILE = "standin.properties";
    public static final int MAX_SCHEMA_LEVEL = 3;

    public static Switches read(Properties system, Map<String, String> environment, Properties file) {
        Source source = new Source(system, environment, file);
        return new Switches(
                source.number("standin.startSeconds", 8, 45),
                source.flag("standin.startBusy"),
                source.number("standin.migrationSeconds", 0, 3600),
                source.number("standin.schemaLevel", 0, MAX_SCHEMA_LEVEL),
                source.flag("standin.ballast"),
                source.flag("standin.faults"));
    }

    private record Source(Properties system, Map<String, String> environment, Properties file) {
        String text(String name, String otherwise) {
            String value = system.getProperty(name);
            if (value == null) {
                value = environment.get(variable(name));
            }
            if (value == null) {
                value = file.getProperty(name);
            }
            return value == null || value.isBlank() ? otherwise : value.trim();
        }

        int number(String name, int otherwise, int max) {
            String value = text(name, Integer.toString(otherwise));
            try {
                int number = Integer.parseInt(value);
                if (number >= 0 && number <= max) {
                    return number;
                }
            } catch (NumberFormatException ignored) {
                // told below, like a number out of range
            }
            throw new IllegalArgumentException(name + "=" + value + ": expected a whole number from 0 to " + max);
        }

        boolean flag(String name) {
            String value = text(name, "off");
            return switch (value) {
                case "on" -> true;
                case "off" -> false;
                default -> throw new IllegalArgumentException(name + "=" + value + ": expected on or off");
            };
        }
    }

    /** standin.startSeconds -> STANDIN_START_SECONDS. */
    static String variable(String property) {
        return property.replace('.', '_').replaceAll("([a-z])([A-Z])", "$1_$2").toUpperCase(java.util.Locale.ROOT);
    }
}
