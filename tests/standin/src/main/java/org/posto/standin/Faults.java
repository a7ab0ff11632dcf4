package org.posto.standin;

import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Breaks the running application from inside, as a programming error in a module would. A new start mends each of them. */
public final class Faults {
    private static final Logger LOG = Logger.getLogger(Faults.class.getName());
    private static final int HEAP_PIECE_BYTES = 64 << 10;
    /** A bomb without a bound would take the machine that runs the test along. */
    private static final int BOMB_PROCESSES = 3000;
    private static final int BOMB_SECONDS = 900;
    private static final int MORE_CONNECTIONS_THAN_THE_POOL_HAS = 100;

    private final Application application;
    private final Object front = new Object();
    private final Object back = new Object();
    // Held for the life of the application: this is what makes it a leak.
    private final List<Object> leaked = new ArrayList<>();

    Faults(Application application) {
        this.application = application;
    }

    /** Returns at once; the fault goes on in the background. */
    public void cause(String what) {
        LOG.warning("a test asked for the fault " + what);
        switch (what) {
            case "deadlock" -> deadlock();
            case "oom" -> begin("leak", this::fillHeap);
            case "unload-modules" -> application.unloadModules();
            case "fork-bomb" -> begin("bomb", Faults::bomb);
            case "leak-connections" -> begin("connections", this::leakConnections);
            default -> throw new IllegalArgumentException("no such fault: " + what);
        }
    }

    void passMonitor() {
        synchronized (front) {
            // Nothing to do here: who gets in may pass.
        }
    }

    private void deadlock() {
        CountDownLatch bothHoldOne = new CountDownLatch(2);
        begin("front", () -> holdBoth(front, back, bothHoldOne));
        begin("back", () -> holdBoth(back, front, bothHoldOne));
    }

    private static void holdBoth(Object first, Object second, CountDownLatch bothHoldOne) {
        synchronized (first) {
            bothHoldOne.countDown();
            try {
                bothHoldOne.await();
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
                return;
            }
            synchronized (second) {
                LOG.severe("a deadlock that is none");
            }
        }
    }

    private void fillHeap() {
        while (true) {
            leaked.add(new byte[HEAP_PIECE_BYTES]);
        }
    }

    /** Sleepers in the unit's cgroup until their number or the unit's limit is reached; at the limit it tries on and on. */
    private static void bomb() {
        String shell = "i=0; while [ $i -lt " + BOMB_PROCESSES + " ]; do sleep " + BOMB_SECONDS + " & i=$((i+1)); done";
        long end = System.nanoTime() + BOMB_SECONDS * 1_000_000_000L;
        try {
            // The shell ends with an error when it cannot fork any more.
            while (System.nanoTime() < end && run(shell) != 0) {
                Thread.sleep(200);
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private static int run(String shell) throws InterruptedException {
        try {
            return new ProcessBuilder("/bin/sh", "-c", shell)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor();
        } catch (IOException atTheLimit) {
            return 1;
        }
    }

    private void leakConnections() {
        for (int number = 0; number < MORE_CONNECTIONS_THAN_THE_POOL_HAS; number++) {
            try {
                Connection connection = application.pool().connection();
                synchronized (leaked) {
                    leaked.add(connection);
                }
            } catch (SQLException none) {
                LOG.log(Level.FINE, "the pool is empty", none);
            }
        }
    }

    private static void begin(String name, Runnable work) {
        Thread thread = new Thread(work, "standin-fault-" + name);
        thread.setDaemon(true);
        thread.start();
    }
}
