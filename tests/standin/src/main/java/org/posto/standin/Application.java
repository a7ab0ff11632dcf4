package org.posto.standin;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.servlet.ServletContext;
import javax.servlet.ServletContextEvent;
import javax.servlet.ServletContextListener;
import org.posto.standin.database.Accounts;
import org.posto.standin.database.Pool;
import org.posto.standin.database.Records;
import org.posto.standin.database.Schema;
import org.posto.standin.modules.Modules;
import org.posto.standin.setup.InstallScript;
import org.posto.standin.setup.RuntimeProperties;

/**
 * The order of start, which blocks Tomcat's deployment exactly as OpenMRS does: until it returns the port connects and nothing
 * answers.
 */
public final class Application implements ServletContextListener {
    /** What the stand-in claims to be to modules' require_version. */
    public static final String OPENMRS_VERSION = "2.8.9";
    public static final String LABEL = "stand-in application / aplicação de substituição, not OpenMRS";

    private static final Logger LOG = Logger.getLogger(Application.class.getName());

    private Switches switches;
    private Site site;
    private volatile Phase phase = Phase.DEPLOYING;
    private volatile String trouble = "";
    private volatile Pool pool;
    private volatile Modules modules = Modules.none();
    private Ballast ballast;
    private final Faults faults = new Faults(this);

    public static Application of(ServletContext context) {
        return (Application) context.getAttribute(Application.class.getName());
    }

    @Override
    public void contextInitialized(ServletContextEvent event) {
        ServletContext context = event.getServletContext();
        context.setAttribute(Application.class.getName(), this);
        // Liquibase would otherwise report its usage over the network.
        System.setProperty("liquibase.analytics.enabled", "false");
        Logger.getLogger("liquibase").setLevel(Level.WARNING);
        Logger.getLogger("com.mchange").setLevel(Level.WARNING);
        site = Site.of(context.getContextPath(), System.getProperties());
        switches = Switches.read(System.getProperties(), System.getenv(), site.switches());
        LOG.info(LABEL + "; data directory " + site.dataDirectory());
        RuntimeProperties properties = site.runtimeProperties();
        try {
            if (properties == null) {
                waitForInstallation("no " + site.runtimePropertiesName() + " found");
            } else {
                startOn(properties);
            }
        } catch (Exception failure) {
            fail(failure);
        }
    }

    private void startOn(RuntimeProperties properties) throws Exception {
        try (Connection connection = properties.connect()) {
            Schema schema = new Schema(connection, switches);
            if (schema.isEmpty()) {
                waitForInstallation("the database is empty");
                return;
            }
            int due = schema.due();
            if (due > 0 && !properties.autoUpdateDatabase()) {
                phase = Phase.WAITING_FOR_UPDATE;
                trouble = due + " changesets are due and auto_update_database is not true";
                LOG.warning(trouble);
                return;
            }
            if (due > 0) {
                schema.update();
            }
        }
        run(properties);
    }

    private void waitForInstallation(String why) {
        phase = Phase.WAITING_FOR_INSTALLATION;
        LOG.info("waiting for the installation: " + why);
    }

    private void fail(Exception failure) {
        phase = Phase.FAILED;
        trouble = String.valueOf(failure.getMessage());
        LOG.log(Level.SEVERE, "start failed; only a new start mends this", failure);
    }

    private void run(RuntimeProperties properties) throws SQLException {
        long begun = System.nanoTime();
        pool = new Pool(properties);
        modules = Modules.start(site.dataDirectory().resolve("modules"), OPENMRS_VERSION);
        try (Connection connection = pool.connection()) {
            modules.recordStarted(connection);
        }
        if (switches.ballast()) {
            ballast = Ballast.load();
            LOG.info(ballast.toString());
        }
        linger(begun);
        phase = Phase.RUNNING;
        LOG.info("running with " + modules.running().size() + " modules");
    }

    /** Makes the start as long as the switch says; busy, it costs CPU as a real start does. */
    private void linger(long begun) {
        long end = begun + switches.startSeconds() * 1_000_000_000L;
        while (System.nanoTime() < end) {
            if (!switches.busyStart()) {
                try {
                    Thread.sleep(20);
                } catch (InterruptedException stopped) {
                    Thread.currentThread().interrupt();
                    return;
                }
            }
        }
    }

    /** Begins the installation in the background, once; later calls find it under way. */
    public synchronized void install(InstallScript script) {
        if (phase != Phase.WAITING_FOR_INSTALLATION) {
            return;
        }
        phase = Phase.INSTALLING;
        Thread thread = new Thread(() -> {
            try {
                run(script.install(site, switches));
                trouble = "";
            } catch (Exception failure) {
                trouble = String.valueOf(failure.getMessage());
                LOG.log(Level.SEVERE, "installation failed", failure);
                phase = Phase.WAITING_FOR_INSTALLATION;
            }
        }, "standin-installation");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void contextDestroyed(ServletContextEvent event) {
        if (pool != null) {
            pool.close();
        }
    }

    public Phase phase() {
        return phase;
    }

    /** What went wrong, or empty. */
    public String trouble() {
        return trouble;
    }

    public Site site() {
        return site;
    }

    public Modules modules() {
        return modules;
    }

    /** What a RuntimeException in the start of one module does to all of them. */
    void unloadModules() {
        modules = modules.unload();
    }

    /** The faults a test may ask for; null unless the switch allows them. */
    public Faults faults() {
        return switches.faults() ? faults : null;
    }

    /** Where requests for pages and REST addresses pass; a deadlock holds them here for ever. */
    public void passMonitor() {
        faults.passMonitor();
    }

    public Pool pool() {
        return pool;
    }

    public Accounts accounts() {
        return new Accounts(pool);
    }

    public Records records() {
        return new Records(pool);
    }
}
