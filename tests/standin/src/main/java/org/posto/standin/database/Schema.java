package org.posto.standin.database;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.logging.Logger;
import liquibase.Contexts;
import liquibase.LabelExpression;
import liquibase.Liquibase;
import liquibase.database.Database;
import liquibase.database.DatabaseFactory;
import liquibase.database.jvm.JdbcConnection;
import liquibase.exception.LiquibaseException;
import liquibase.resource.ClassLoaderResourceAccessor;
import org.posto.standin.Switches;

/**
 * The tables, kept by Liquibase as OpenMRS keeps them: in lower-case bookkeeping tables, refusing checksums it does not know,
 * and waiting on a lock that a killed migration left behind.
 */
public final class Schema {
    private static final Logger LOG = Logger.getLogger(Schema.class.getName());

    private final Connection connection;
    private final Switches switches;

    public Schema(Connection connection, Switches switches) {
        this.connection = connection;
        this.switches = switches;
        SlowChange.seconds = switches.migrationSeconds();
    }

    /** True when nothing but Liquibase's own bookkeeping is there. */
    public boolean isEmpty() throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("select count(*) from information_schema.tables"
                        + " where table_schema = database() and lower(table_name) not like 'liquibase%'")) {
            rows.next();
            return rows.getInt(1) == 0;
        }
    }

    /** How many changesets are due. Takes Liquibase's lock, so it waits where the lock is held. */
    public int due() throws LiquibaseException {
        return liquibase().listUnrunChangeSets(contexts(), new LabelExpression()).size();
    }

    public void update() throws LiquibaseException {
        LOG.info("migrating the database");
        liquibase().update(contexts());
        LOG.info("database migrated");
    }

    /** A later schema is a later release's: its changesets are in a context a level. */
    private Contexts contexts() {
        Contexts contexts = new Contexts("base");
        for (int level = 1; level <= switches.schemaLevel(); level++) {
            contexts.add("level" + level);
        }
        return contexts;
    }

    private Liquibase liquibase() throws LiquibaseException {
        Database database = DatabaseFactory.getInstance()
                .findCorrectDatabaseImplementation(new JdbcConnection(connection));
        database.setDatabaseChangeLogTableName("liquibasechangelog");
        database.setDatabaseChangeLogLockTableName("liquibasechangeloglock");
        return new Liquibase("changelog/standin.xml",
                new ClassLoaderResourceAccessor(Schema.class.getClassLoader()), database);
    }
}
