package org.posto.standin.database;

import liquibase.change.custom.CustomTaskChange;
import liquibase.database.Database;
import liquibase.exception.CustomChangeException;
import liquibase.exception.SetupException;
import liquibase.exception.ValidationErrors;
import liquibase.resource.ResourceAccessor;

/** A changeset as long as {@code standin.migrationSeconds} says, in the middle of the others: time enough to be killed in. */
public final class SlowChange implements CustomTaskChange {
    // Liquibase makes the instance itself, so there is no other way in.
    static volatile int seconds;

    @Override
    public void execute(Database database) throws CustomChangeException {
        try {
            Thread.sleep(seconds * 1000L);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new CustomChangeException("interrupted in the slow changeset", stopped);
        }
    }

    @Override
    public String getConfirmationMessage() {
        return "slow changeset done";
    }

    @Override
    public void setUp() throws SetupException {
        // nothing to prepare
    }

    @Override
    public void setFileOpener(ResourceAccessor resourceAccessor) {
        // reads no files
    }

    @Override
    public ValidationErrors validate(Database database) {
        return new ValidationErrors();
    }
}
