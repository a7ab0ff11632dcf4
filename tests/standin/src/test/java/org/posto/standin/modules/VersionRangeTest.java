package org.posto.standin.modules;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VersionRangeTest {
    @ParameterizedTest(name = "{1} meets \"{0}\": {2}")
    @CsvSource(delimiter = '|', value = {
        "''|2.8.9|true",
        "2.8.9|2.8.9|true",
        "2.8|2.8.9|true",
        "2.10.0|2.8.9|false",
        "99.0.0|2.8.9|false",
        "2.*|2.8.9|true",
        "1.*|2.8.9|false",
        "2.8.*|2.8.9|true",
        "2.9.*|2.8.9|false",
        "2.0.0 - 2.*|2.8.9|true",
        "2.0.0 - 2.7.*|2.8.9|false",
        "1.9.9 - 1.9.*, 2.8.0|2.8.9|true",
        "1.9.9 - 1.9.*, 1.10|2.8.9|true",
        "2.8.10|2.8.9|false",
        "2.8.9-SNAPSHOT|2.8.9|true",
    })
    void asOpenmrsReadsRequireVersion(String required, String version, boolean accepted) {
        assertEquals(accepted, VersionRange.accepts(required, version));
    }
}
