//! What can happen to the database.

use std::time::Duration;

use anyhow::{Result, ensure};
use posto_tests::container::Container;
use posto_tests::wait;

use crate::ground::{
    BACK_BOUND, FELT_BOUND, HUNG, KILLED, NOTICE_BOUND, drop_in, endure, go_through, main_pid,
    shell, signal,
};

const UNIT: &str = "mariadb.service";
const OPENMRS: &str = "openmrs.service";

#[test]
fn the_database_killed_under_load_comes_back_without_a_new_start_of_openmrs() -> Result<()> {
    let outcome = endure(
        "database-killed",
        "MariaDB killed -9 under load",
        KILLED,
        &["database", "mariadb"],
        |container, _| signal(container, "KILL", &[UNIT]),
    )?;
    ensure!(
        outcome.restarts[0] == 0,
        "OpenMRS survives a restart of the database by itself"
    );
    Ok(())
}

#[test]
fn the_database_stopped_goes_on() -> Result<()> {
    endure(
        "database-stopped",
        "MariaDB SIGSTOPped",
        HUNG,
        &["database", "mariadb", "stopped"],
        |container, _| signal(container, "STOP", &[UNIT]),
    )
    .map(drop)
}

#[test]
fn both_killed_come_back() -> Result<()> {
    endure(
        "both-killed",
        "OpenMRS and MariaDB killed -9",
        KILLED,
        &["openmrs", "database", "mariadb"],
        |container, _| signal(container, "KILL", &[OPENMRS, UNIT]),
    )
    .map(drop)
}

/// More idle clients than the database allows: each waits until it gets in, and stays. Meanwhile root, who was in before,
/// cuts the application's own connections for half a minute, so that they get those, too. All of it goes on behind
/// this call: the box may act before the last of them is in.
fn exhaust(container: &Container) -> Result<()> {
    shell(
        container,
        "mariadb -e \"create user hog@localhost identified by 'hog'\"
         printf '[client]\\nuser=hog\\npassword=hog\\n' > /run/hog.cnf
         mkfifo /run/hog.fifo
         setsid sh -c 'sleep 3600 > /run/hog.fifo' > /dev/null 2>&1 < /dev/null &
         cat > /run/hog <<'END'
until mariadb --defaults-file=/run/hog.cnf < /run/hog.fifo 2> /run/hog.$1; do
  grep -q 'Too many connections' /run/hog.$1 || exit
  sleep 0.3
done
END
         cat > /run/cut <<'END'
delimiter //
begin not atomic
  declare rounds int default 0;
  while rounds < 60 and (select count(*) from information_schema.processlist where user = 'hog') < 119 do
    for theirs in (select id from information_schema.processlist where user = 'openmrs') do
      begin
        declare continue handler for sqlexception begin end;
        execute immediate concat('kill ', theirs.id);
      end;
    end for;
    do sleep(0.5);
    set rounds = rounds + 1;
  end while;
end//
END
         setsid sh -c 'mariadb < /run/cut' > /dev/null 2>&1 < /dev/null &
         setsid sh -c 'for i in $(seq 140); do sh /run/hog $i & done; wait' > /dev/null 2>&1 < /dev/null &",
    )
    .map(drop)
}

#[test]
fn exhausted_connections_are_seen_and_freed() -> Result<()> {
    endure(
        "connections",
        "MariaDB's connections exhausted",
        HUNG,
        &["connection", "database", "openmrs"],
        |container, _| exhaust(container),
    )
    .map(drop)
}

#[test]
fn a_full_disk_shuts_the_clinic_in_order_and_space_opens_it_again() -> Result<()> {
    // Quickly until little is left, then slowly, as logs and exports fill a disk.
    let fill = |container: &Container| {
        shell(
            container,
            "free=$(df --output=avail -B1M /data | tail -1)
             fallocate -l $((free - 400))M /data/hog
             while dd if=/dev/zero bs=1M count=8 status=none >> /data/more; do sleep 0.3; done 2> /dev/null; true",
        )
        .map(drop)
    };
    let free_later = |container: &Container| {
        wait::pause(Duration::from_secs(60));
        let page = container.get("/openmrs/")?;
        println!("# while it is full the door answers {}", page.status);
        println!("# {}", shell(container, "df -h /data | tail -1")?.trim());
        container
            .run(&["rm", "-f", "/data/hog", "/data/more"])
            .map(drop)
    };
    go_through(
        "disk-full",
        "the database's disk full for a minute",
        HUNG,
        |container, _| fill(container),
        |trial| {
            trial
                .hurts(FELT_BOUND)?
                .detected_by(&["disk", "hold", "reserve"], NOTICE_BOUND)?
                .then(free_later)?
                .recovers(BACK_BOUND)
                .map(drop)
        },
    )
    .map(drop)
}

/// Starts OpenMRS again, and takes the database away once its Java runs.
fn start_into_the_void(container: &Container) -> Result<()> {
    drop_in(
        container,
        UNIT,
        "[Service]\nExecStartPre=/usr/bin/test ! -e /run/no-database",
    )?;
    let before = main_pid(container, OPENMRS)?;
    container.run(&["systemctl", "--no-block", "restart", OPENMRS])?;
    // It waits for the database before it starts Java; Java needs a second before it asks.
    wait::until("a new Java", Duration::from_secs(120), || {
        let pid = main_pid(container, OPENMRS).unwrap_or_default();
        let java = container.ask(&["cat", &format!("/proc/{pid}/comm")])?;
        Ok((pid != before && java.out.trim() == "java").then_some(()))
    })?;
    container.run(&["touch", "/run/no-database"])?;
    signal(container, "KILL", &[UNIT])
}

#[test]
fn java_started_while_the_database_was_away_is_started_again() -> Result<()> {
    go_through(
        "away",
        "MariaDB away for 40 s just when Java starts",
        HUNG,
        |container, _| start_into_the_void(container),
        |trial| {
            trial
                .then(|container| {
                    wait::pause(Duration::from_secs(40));
                    container.run(&["rm", "/run/no-database"]).map(drop)
                })?
                .detected_by(&["openmrs", "database", "mariadb"], NOTICE_BOUND)?
                .recovers(BACK_BOUND)
                .map(drop)
        },
    )
    .map(drop)
}
