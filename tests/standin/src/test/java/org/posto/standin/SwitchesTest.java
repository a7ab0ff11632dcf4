package org.posto.standin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.Properties;
import org.junit.jupiter.api.Test;

class SwitchesTest {
    private static Switches read(Map<String, String> system, Map<String, String> environment) {
        Properties properties = new Properties();
        properties.putAll(system);
        return Switches.read(properties, environment, new Properties());
    }

    @Test
    void withoutSwitchesItStartsInEightSecondsAndCarriesNeitherBallastNorFaults() {
        assertEquals(new Switches(8, false, 0, 0, false, false), read(Map.of(), Map.of()));
    }

    @Test
    void theEnvironmentSwitchesToo() {
        Switches switches = read(Map.of(), Map.of("STANDIN_START_SECONDS", "45", "STANDIN_BALLAST", "on"));
        assertEquals(45, switches.startSeconds());
        assertTrue(switches.ballast());
    }

    @Test
    void aPropertyWinsOverTheEnvironment() {
        assertEquals(1, read(Map.of("standin.startSeconds", "1"), Map.of("STANDIN_START_SECONDS", "2")).startSeconds());
    }

    @Test
    void theFileOfTheDataDirectorySwitchesLast() {
        Properties file = new Properties();
        file.putAll(Map.of("standin.faults", "on", "standin.startSeconds", "3"));
        Switches switches = Switches.read(new Properties(), Map.of("STANDIN_START_SECONDS", "2"), file);
        assertTrue(switches.faults());
        assertEquals(2, switches.startSeconds());
    }

    @Test
    void aSwitchThatIsNotUnderstoodStopsTheStart() {
        for (Map<String, String> wrong : new Map[] {
            Map.of("standin.startSeconds", "46"),
            Map.of("standin.startSeconds", "-1"),
            Map.of("standin.migrationSeconds", "soon"),
            Map.of("standin.ballast", "yes"),
            Map.of("standin.faults", "true"),
            Map.of("standin.schemaLevel", "4"),
        }) {
            assertThrows(IllegalArgumentException.class, () -> read(wrong, Map.of()), wrong.toString());
        }
    }
}
