package org.posto.standin.database;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.HexFormat;

/** OpenMRS's password columns: {@code users.password} is the lower-case hex SHA-512 of password and {@code users.salt}. */
public final class Passwords {
    private Passwords() {}

    public static String hash(String password, String salt) {
        return HexFormat.of().formatHex(sha512((password + salt).getBytes(StandardCharsets.UTF_8)));
    }

    static String newSalt(SecureRandom random) {
        byte[] bytes = new byte[64];
        random.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    static boolean matches(String password, String storedHash, String salt) {
        if (storedHash == null || salt == null) {
            return false;
        }
        return MessageDigest.isEqual(hash(password, salt).getBytes(StandardCharsets.US_ASCII),
                storedHash.toLowerCase(java.util.Locale.ROOT).getBytes(StandardCharsets.US_ASCII));
    }

    /** Why OpenMRS (with its default settings) would refuse this password, or null. */
    public static String weakness(String password, String username) {
        if (password.length() < 8) {
            return "is shorter than 8 characters";
        }
        if (password.equalsIgnoreCase(username)) {
            return "equals the user name";
        }
        if (password.chars().noneMatch(Character::isUpperCase) || password.chars().noneMatch(Character::isLowerCase)) {
            return "needs upper and lower case";
        }
        if (password.chars().noneMatch(Character::isDigit)) {
            return "needs a digit";
        }
        if (password.chars().allMatch(Character::isDigit)) {
            return "needs a letter";
        }
        return null;
    }

    private static byte[] sha512(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-512").digest(bytes);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java has SHA-512", impossible);
        }
    }
}
