//! The battery (UPS), through Network UPS Tools: upsmon listens to the server named in facility.toml and asks for an
//! orderly end when the battery is nearly empty; what else it hears is left as a note for the daemon.

use serde::{Deserialize, Serialize};

use crate::facility::Ups;
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// The account that upsmon runs as.
const NUT: u32 = 814;
/// upsmon(8) knows a dozen kinds, in capitals.
const KIND_LIMIT_BYTES: u64 = 32;

/// Writes upsmon's settings for this facility, or takes them away: then `posto-ups.service` has nothing to do.
///
/// # Errors
/// [`DurableError`].
pub fn settings(places: &Places, ups: Option<&Ups>) -> Result<(), DurableError> {
    let Some(ups) = ups else {
        return durable::remove(&places.ups_settings());
    };
    if let Some(directory) = places.ups_settings().parent() {
        durable::directory(directory, group(0o750))?;
    }
    durable::write(
        &places.ups_settings(),
        upsmon_conf(ups).as_bytes(),
        group(0o640),
    )
}

/// Root's file, which upsmon's account may read. Tests are not root and leave the group.
fn group(mode: u32) -> Owner {
    let mut owner = Owner::mode(mode);
    if rustix::process::geteuid().is_root() {
        owner.gid = Some(NUT);
    }
    owner
}

/// upsmon.conf(5). `secondary`: the box stops as soon as the battery is low and leaves switching the UPS off to its server.
fn upsmon_conf(ups: &Ups) -> String {
    let Ups {
        monitor,
        user,
        password,
    } = ups;
    format!(
        "MONITOR {monitor} 1 \"{user}\" \"{password}\" secondary\n\
         MINSUPPLIES 1\n\
         SHUTDOWNCMD \"/usr/bin/touch /run/posto-ups/off\"\n\
         NOTIFYCMD \"/usr/bin/posto unit ups-says\"\n\
         NOTIFYFLAG ONLINE SYSLOG+EXEC\n\
         NOTIFYFLAG ONBATT SYSLOG+EXEC\n\
         NOTIFYFLAG COMMBAD SYSLOG+EXEC\n\
         NOTIFYFLAG COMMOK SYSLOG+EXEC\n\
         NOTIFYFLAG REPLBATT SYSLOG+EXEC\n\
         POLLFREQ 5\n\
         POLLFREQALERT 2\n\
         HOSTSYNC 15\n\
         DEADTIME 15\n\
         FINALDELAY 0\n\
         POWERDOWNFLAG /run/posto-ups/killpower\n"
    )
}

/// What the UPS's server said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// The mains are there.
    Online,
    /// The box runs on the battery.
    OnBattery,
    /// Nobody answers: the UPS, its cable or its server.
    Silent,
    /// The UPS says that its battery is worn out.
    ReplaceBattery,
}

impl Said {
    /// upsmon's NOTIFYTYPE.
    #[must_use]
    pub fn from_notify_type(kind: &str) -> Option<Self> {
        match kind.trim() {
            "ONLINE" | "COMMOK" => Some(Self::Online),
            "ONBATT" => Some(Self::OnBattery),
            "COMMBAD" | "NOCOMM" => Some(Self::Silent),
            "REPLBATT" => Some(Self::ReplaceBattery),
            _ => None,
        }
    }

    /// The event's name.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Online => "ups-online",
            Self::OnBattery => "ups-on-battery",
            Self::Silent => "ups-silent",
            Self::ReplaceBattery => "ups-replace-battery",
        }
    }
}

/// Leaves upsmon's word for the daemon; runs as upsmon's account.
///
/// # Errors
/// [`DurableError`].
pub fn note(places: &Places, kind: &str) -> Result<(), DurableError> {
    let kind: String = kind.chars().take(16).collect();
    durable::write(&places.ups_said(), kind.as_bytes(), Owner::mode(0o644))
}

/// What upsmon last left, if anything of meaning.
#[must_use]
pub fn said(places: &Places) -> Option<Said> {
    let bytes = durable::read(&places.ups_said(), KIND_LIMIT_BYTES).ok()??;
    Said::from_notify_type(&String::from_utf8_lossy(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_name_the_ups_and_ask_for_an_orderly_end() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.run()).unwrap();
        let ups = Ups {
            monitor: "apc@192.168.1.5:3493".into(),
            user: "posto".into(),
            password: "umdois#tres".into(),
        };
        settings(&places, Some(&ups)).unwrap();
        let text = std::fs::read_to_string(places.ups_settings()).unwrap();
        assert!(
            text.starts_with(
                "MONITOR apc@192.168.1.5:3493 1 \"posto\" \"umdois#tres\" secondary\n"
            ),
            "{text}"
        );
        assert!(text.contains("SHUTDOWNCMD \"/usr/bin/touch /run/posto-ups/off\""));
        settings(&places, None).unwrap();
        assert!(!places.ups_settings().exists());
    }

    #[test]
    fn only_words_of_upsmon_are_believed() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.ups_said().parent().unwrap()).unwrap();
        assert_eq!(said(&places), None);
        note(&places, "ONBATT").unwrap();
        assert_eq!(said(&places), Some(Said::OnBattery));
        note(&places, &"X".repeat(100_000)).unwrap();
        assert_eq!(said(&places), None);
    }
}
