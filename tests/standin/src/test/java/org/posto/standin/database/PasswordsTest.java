package org.posto.standin.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class PasswordsTest {
    /** A public dump's row of OpenMRS's documented default password. */
    private static final String SALT = "c788c6ad82a157b712392ca695dfcf2eed193d7f";
    private static final String HASH = "6f0be51d599f59dd1269e12e17949f8ecb9ac963e467ac1400cf0a02eb9f8861"
            + "ce3cca8f6d34d93c0ca34029497542cbadda20c949affb4cb59269ef4912087b";

    @Test
    void hashesAsOpenmrsDoes() {
        assertEquals(HASH, Passwords.hash("Admin123", SALT));
    }

    @Test
    void onlyTheRightPasswordMatches() {
        assertTrue(Passwords.matches("Admin123", HASH, SALT));
        assertFalse(Passwords.matches("admin123", HASH, SALT));
        assertFalse(Passwords.matches("Admin123", null, null));
    }

    @Test
    void refusesWhatOpenmrsWouldRefuse() {
        assertNull(Passwords.weakness("Posto2026x", "admin"));
        for (String weak : new String[] {"Short1", "alllower1", "ALLUPPER1", "NoDigitHere", "12345678"}) {
            assertNotNull(Passwords.weakness(weak, "admin"), weak);
        }
        assertNotNull(Passwords.weakness("Adminis1", "adminis1"));
    }
}
