package org.posto.standin.web;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.posto.standin.database.Records;

class RequestsTest {
    private static String header(String text) {
        return "Basic " + Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void basicAuthenticationKeepsColonsAndAccentsInThePassword() {
        assertArrayEquals(new String[] {"admin", "pão:çá"}, Login.basic(header("admin:pão:çá")));
        assertNull(Login.basic(null));
        assertNull(Login.basic("Bearer x"));
        assertNull(Login.basic("Basic !!!"));
        assertNull(Login.basic(header("nocolon")));
    }

    @Test
    void anEntryHasDefaultsAndBounds() {
        assertEquals(new Records.Entry(null, "Maria", "Teste", 1, 3), Rest.entry(Map.of()));
        assertEquals(new Records.Entry("u", "Ana", "Teste", 0, 3), Rest.entry(Map.of("patient", "u", "given", "Ana", "encounters", 0)));
        assertThrows(IllegalArgumentException.class, () -> Rest.entry(Map.of("obs", "1001")));
        assertThrows(IllegalArgumentException.class, () -> Rest.entry(Map.of("encounters", "many")));
    }

    @Test
    void whatAPageShowsCannotBecomeMarkup() {
        assertEquals("&lt;b a=&quot;&amp;&quot;&gt;", Page.escape("<b a=\"&\">"));
    }
}
