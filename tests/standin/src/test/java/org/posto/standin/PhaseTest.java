package org.posto.standin;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PhaseTest {
    @ParameterizedTest(name = "{0}: started {1}, alive {2}")
    @CsvSource({
        "WAITING_FOR_INSTALLATION, 503, 200",
        "INSTALLING, 503, 200",
        "WAITING_FOR_UPDATE, 503, 200",
        "RUNNING, 200, 200",
        "FAILED, 503, 503",
    })
    void healthSaysWhatOpenmrsSays(Phase phase, int started, int alive) {
        assertEquals(started, phase.started);
        assertEquals(alive, phase.alive);
    }
}
