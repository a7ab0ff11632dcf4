package org.posto.standin.database;

import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** Who may log in: the rows of {@code users} that are not retired. */
public record Accounts(Pool pool) {
    /** False when name or password is wrong; throws when the database cannot say. */
    public boolean authenticate(String name, String password) throws SQLException {
        try (Connection connection = pool.connection();
                PreparedStatement query = connection.prepareStatement(
                        "select password, salt from users where (username = ? or system_id = ?) and retired = 0")) {
            query.setString(1, name);
            query.setString(2, name);
            try (ResultSet rows = query.executeQuery()) {
                while (rows.next()) {
                    if (Passwords.matches(password, rows.getString(1), rows.getString(2))) {
                        return true;
                    }
                }
            }
            return false;
        }
    }

    public static void setPassword(Connection connection, String name, String password, SecureRandom random)
            throws SQLException {
        String salt = Passwords.newSalt(random);
        try (PreparedStatement update = connection.prepareStatement(
                "update users set password = ?, salt = ? where username = ? or system_id = ?")) {
            update.setString(1, Passwords.hash(password, salt));
            update.setString(2, salt);
            update.setString(3, name);
            update.setString(4, name);
            if (update.executeUpdate() == 0) {
                throw new SQLException("no user " + name + " in the table users");
            }
        }
    }
}
