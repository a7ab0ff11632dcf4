package org.posto.standin;

/**
 * Where OpenMRS stands, and what its two health addresses say there (measured on OpenMRS 2.8.9). Nothing here looks at the
 * database or the modules: neither does OpenMRS, so RUNNING answers 200/200 with a dead database and with no modules.
 */
public enum Phase {
    /** Deploying or migrating: Tomcat accepts nothing yet, so nobody reads these values. */
    DEPLOYING(503, 503),
    WAITING_FOR_INSTALLATION(503, 200),
    INSTALLING(503, 200),
    /** Changesets are due and auto_update_database is not true. */
    WAITING_FOR_UPDATE(503, 200),
    RUNNING(200, 200),
    /** Started without its database, or the migration failed: only a new start leaves this. */
    FAILED(503, 503);

    /** HTTP status of /health/started. */
    public final int started;
    /** HTTP status of /health/alive. */
    public final int alive;

    Phase(int started, int alive) {
        this.started = started;
        this.alive = alive;
    }
}
