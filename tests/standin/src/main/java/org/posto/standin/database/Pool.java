package org.posto.standin.database;

import com.mchange.v2.c3p0.ComboPooledDataSource;
import java.beans.PropertyVetoException;
import java.sql.Connection;
import java.sql.SQLException;
import org.posto.standin.setup.RuntimeProperties;

/**
 * The JDBC pool. Connections are not tested when taken: with a dead database a request fails at once instead of waiting, and
 * after its return each stale connection costs one request, as measured on OpenMRS.
 */
public final class Pool implements AutoCloseable {
    private final ComboPooledDataSource source = new ComboPooledDataSource();

    public Pool(RuntimeProperties properties) throws SQLException {
        try {
            source.setDriverClass(properties.driver());
        } catch (PropertyVetoException refused) {
            throw new SQLException("connection.driver_class refused: " + properties.driver(), refused);
        }
        source.setJdbcUrl(properties.url());
        source.setUser(properties.username());
        source.setPassword(properties.password());
        source.setInitialPoolSize(2);
        source.setMinPoolSize(2);
        source.setMaxPoolSize(20);
        source.setMaxIdleTime(300);
        // One retry at once, then everybody who waits is told: the defaults wait 30 s for a dead database.
        source.setAcquireRetryAttempts(1);
        source.setAcquireRetryDelay(1);
        source.setCheckoutTimeout(5_000);
    }

    public Connection connection() throws SQLException {
        return source.getConnection();
    }

    @Override
    public void close() {
        source.close();
    }
}
