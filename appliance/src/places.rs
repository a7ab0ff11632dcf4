//! Where things are on the box: docs/architecture.md's tables as code. A root other than `/` is for tests.

use std::path::{Path, PathBuf};

/// The box's paths under one root.
#[derive(Debug, Clone)]
pub struct Places {
    root: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            root: PathBuf::from("/"),
        }
    }
}

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident = $path:literal;)*) => {
        $( $(#[$doc])* #[must_use] pub fn $name(&self) -> PathBuf { self.root.join($path) } )*
    };
}

impl Places {
    /// The box's paths under `root` instead of `/`.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    places! {
        /// The data partition's mount point.
        data = "data";
        /// MariaDB's data directory and OpenMRS's, side by side.
        live = "data/live";
        /// MariaDB's data directory.
        database = "data/live/database";
        /// OpenMRS's application data directory.
        openmrs = "data/live/openmrs";
        /// OpenMRS's own settings, with its encryption key.
        runtime_properties = "data/live/openmrs/openmrs-runtime.properties";
        /// What imports and restores exchanged out.
        replaced = "data/replaced";
        /// Snapshots, one directory each.
        snapshots = "data/snapshots";
        /// The catalogue of snapshots (SQLite).
        snapshot_catalogue = "data/posto/snapshots.sqlite";
        /// The largest number that a snapshot was ever given.
        snapshot_number = "data/posto/snapshot-number";
        /// Held by whoever adds, removes or puts back snapshots (flock).
        snapshot_lock = "run/posto/snapshots.lock";
        /// The box's uptime over all boots, at one moment of this one.
        uptime = "run/posto/uptime.json";
        /// The last start of the database that was refused and mended.
        database_mended = "run/posto/database-mended.json";
        /// Which tables were rebuilt when.
        rebuilds = "data/posto/rebuilds.json";
        /// Which proof the daemon asks for.
        proof_order = "run/posto/proof-order.json";
        /// What came of a restore that the screen started.
        restore_said = "run/posto/restore-said.json";
        /// Work in progress; emptied at boot.
        staging = "data/staging";
        /// Per-box secrets.
        secrets = "data/secrets";
        /// The password of OpenMRS's database account.
        database_password = "data/secrets/openmrs-db-password";
        /// The password of OpenMRS's admin, until it is first changed.
        admin_password = "data/secrets/openmrs-admin-password";
        /// The technician's code, until somebody has noted it.
        technician_code = "data/secrets/technician-code";
        /// What stays of the technician's code: an Argon2id hash.
        technician_hash = "data/secrets/technician-code.hash";
        /// The technician's code for the programme (age, armoured).
        technician_for_programme = "data/posto/technician-code.age";
        /// Wrong codes in a row.
        technician_attempts = "data/posto/technician-attempts.json";
        /// The same while the data partition cannot be written.
        technician_attempts_now = "run/posto/technician-attempts.json";
        /// The box's own signing key (Ed25519).
        box_key = "data/secrets/box-key";
        /// The facility's own age identity: opens what this box copied away.
        recovery_identity = "data/secrets/recovery-identity";
        /// The recovery code, until somebody has noted it.
        recovery_code = "data/secrets/recovery-code";
        /// The recovery identity behind the recovery code (age, scrypt): goes along with every copy.
        recovery_sealed = "data/posto/recovery.key";
        /// The recovery identity for the programme (age, armoured).
        recovery_for_programme = "data/posto/recovery.age";
        /// What was last copied off the disk.
        copied = "data/posto/copied.json";
        /// Where the disk for copies is mounted, in its unit's own view alone.
        copies_disk = "run/posto/copies-disk";
        /// The root that all releases are verified by.
        trusted_root = "usr/lib/posto/trusted-root.json";
        /// What root trusts of the publisher's lists (SQLite).
        update_state = "data/posto/updates.sqlite";
        /// Patches that root has verified.
        update_patches = "data/posto/patches";
        /// Stands when the patch against the running release did not fit: its name.
        update_whole = "data/posto/update-whole";
        /// What the worker is told to do.
        update_order = "run/posto/update-order.json";
        /// The worker's own folder.
        update_worker = "var/lib/posto-update";
        /// Where the worker says how far it is.
        update_live = "run/posto-update";
        /// Where a stick with releases is mounted, in its unit's own view alone.
        update_stick = "run/posto/update-stick";
        /// Where the slots' boot partitions are mounted, in the staging unit's own view alone.
        update_boots = "run/posto/update-boots";
        /// Held by whoever fills a slot (flock).
        update_lock = "run/posto/update.lock";
        /// How far the filling of the slot is.
        update_staging = "run/posto/update-staging.json";
        /// Held by whoever brings a snapshot in (flock).
        snapshot_import_lock = "run/posto/snapshot-import.lock";
        /// Held by whoever carries a snapshot out (flock).
        snapshot_export_lock = "run/posto/snapshot-export.lock";
        /// Block devices by their stable names.
        disks = "dev/disk";
        /// The door's certificate and key.
        tls = "data/secrets/tls";
        /// The door's certificate.
        tls_certificate = "data/secrets/tls/cert.pem";
        /// The door's key.
        tls_key = "data/secrets/tls/key.pem";
        /// How often the guard repaired the boot state in a row.
        repairs = "data/posto/repairs.json";
        /// sshd's key of this box, where a technician may come in from a distance.
        ssh_host_key = "data/secrets/ssh/host_ed25519";
        /// The keys that may; away where facility.toml names none.
        ssh_keys = "run/posto/ssh/authorized_keys";
        /// What Java reads at a start.
        tomcat = "usr/share/tomcat";
        /// The web application.
        webapp = "usr/share/openmrs/webapps/openmrs";
        /// Java.
        java = "usr/lib/jvm/java-21-openjdk-amd64/lib";
        /// Posto's own directory.
        posto = "data/posto";
        /// This site's identity and settings.
        facility = "data/posto/facility.toml";
        /// The image's default settings.
        facility_default = "etc/posto/facility.toml";
        /// The release that last committed on this data.
        stamp = "data/posto/stamp.json";
        /// Stands until OpenMRS's first installation is proven.
        install_pending = "data/posto/install-pending";
        /// How long earlier starts took.
        starts = "data/posto/starts.json";
        /// What happened on this box (SQLite).
        events = "data/posto/events.sqlite";
        /// What the ladder has spent of its budgets.
        ledger = "data/posto/ledger.json";
        /// Boots begun and ended in order.
        boots = "data/posto/boots.json";
        /// Room that the disk guard gives back so that the database can end in order.
        reserve = "data/posto/reserve";
        /// Pings that the hub has not proven to have (SQLite).
        pings = "data/posto/pings.sqlite";
        /// Numbers below it are given to pings, or set aside for them.
        ping_number = "data/posto/ping-number";
        /// What is to be sent now, for the sender.
        ping_outbox = "run/posto/pings/outbox.json";
        /// How the pings are, for `posto status`.
        pings_told = "run/posto/pings/told.json";
        /// What the sender (posto-ping.service, unprivileged) heard.
        ping_answers = "run/posto/ping/answers.json";
        /// There once the network has set the clock in this boot (systemd-timesyncd).
        clock_synchronised = "run/systemd/timesync/synchronized";
        /// What filled Java's heap when it was exhausted, the newest few.
        histograms = "var/cache/openmrs/histograms";
        /// The data disk's own words, as smartctl gave them (root's step).
        smart_raw = "run/posto/smart-raw.json";
        /// What was made of them (the step without rights).
        smart = "run/posto/smart/health.json";
        /// upsmon's settings; away where the facility has no UPS.
        ups_settings = "run/posto/nut/upsmon.conf";
        /// What upsmon last heard.
        ups_said = "run/posto-ups/said";
        /// The kernel's sensors.
        hwmon = "sys/class/hwmon";
        /// How long tasks wait for memory.
        memory_pressure = "proc/pressure/memory";
        /// Holds the cgroup of each service (cgroup v2).
        service_cgroups = "sys/fs/cgroup/system.slice";
        /// How much memory there is.
        meminfo = "proc/meminfo";
        /// The kernel's counters of memory.
        vmstat = "proc/vmstat";
        /// Bound over `/var`.
        var = "data/var";
        /// Posto's directory on tmpfs.
        run = "run/posto";
        /// nginx forwards while this file exists.
        door_open = "run/posto/door/open";
        /// The page shown while the door is shut.
        door_page = "run/posto/door/page.html";
        /// The maintenance under way.
        maintenance = "run/posto/maintenance.json";
        /// Refusals found at boot.
        alarms = "run/posto/alarms";
        /// What the daemon last saw, for `posto status` and the console.
        judgement = "run/posto/judgement.json";
        /// What the watcher (posto-watch.service, unprivileged) last saw of the application.
        watch = "run/posto/watch/seen.json";
        /// What somebody at the box asked for by hand.
        wishes = "run/posto/wishes";
        /// The daemon asks the watcher to set the first installation off: a new content each time.
        please_install = "run/posto/please-install";
        /// Which modules showed themselves at earlier starts.
        modules_known = "data/posto/modules.json";
        /// The kernel's name of this boot.
        boot_id = "proc/sys/kernel/random/boot_id";
        /// Environment of openmrs.service.
        openmrs_environment = "run/posto/openmrs.env";
        /// Holds the script of a first installation.
        install = "run/posto/install";
        /// The script of a first installation.
        install_script = "run/posto/install/install.properties";
        /// nginx's copy of certificate and key.
        door_tls = "run/posto/tls";
        /// The time zone in force.
        localtime = "run/posto/localtime";
        /// The network settings in force.
        network = "run/systemd/network/10-lan.network";
        /// What systemd-networkd knows of the network.
        network_state = "run/systemd/netif/state";
        /// Name servers in force; `/etc/resolv.conf` points here.
        resolv_conf = "run/posto/resolv.conf";
        /// Time zones.
        zoneinfo = "usr/share/zoneinfo";
        /// The live database's socket.
        database_socket = "run/mysqld/mysqld.sock";
        /// The kernel line.
        kernel_line = "proc/cmdline";
        /// There when systemd runs in a container (sd_booted's documentation), whose kernel line is the host's.
        container = "run/systemd/container";
        /// This program.
        program = "usr/bin/posto";
        /// The release's identity.
        release = "usr/lib/posto/release.json";
        /// The distro's modules, OWAs, configuration, front end.
        distribution = "usr/share/openmrs/distribution";
    }
}
