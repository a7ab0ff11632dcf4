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
        /// Work in progress; emptied at boot.
        staging = "data/staging";
        /// Per-box secrets.
        secrets = "data/secrets";
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
        /// The live database's socket.
        database_socket = "run/mysqld/mysqld.sock";
        /// The release's identity.
        release = "usr/lib/posto/release.json";
        /// The distro's modules, OWAs, configuration, front end.
        distribution = "usr/share/openmrs/distribution";
    }
}
