//! How the box is, gathered for `posto status` and the console.

use std::net::IpAddr;

use serde::Serialize;

use crate::alarms::{self, Alarm};
use crate::facility::{self, Facility};
use crate::health::alarm_code::AlarmCode;
use crate::health::post::Told;
use crate::openmrs::admin;
use crate::places::Places;
use crate::release;
use crate::snapshot::id::Id;
use crate::snapshot::proof::Proven;
use crate::snapshot::{moment, reconcile};
use crate::supervise::judgement::Judgement;
#[cfg(test)]
use crate::supervise::situation::Situation;
use crate::system::addresses;
use crate::system::clock;
use crate::technician;
use crate::wishes::Wish;

/// How the box is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Release name, or why it is not known.
    pub release: String,
    /// The slot it runs from; null in a container.
    pub slot: Option<String>,
    /// The distro inside, with its version.
    pub distro: Option<String>,
    /// The web application is the project's stand-in, not OpenMRS.
    pub stand_in: bool,
    /// The facility.
    pub facility: Facility,
    /// What the daemon last saw; null when it does not answer.
    pub judgement: Option<Judgement>,
    /// The data disk.
    pub data_disk: Option<DataDisk>,
    /// Where a browser finds OpenMRS.
    pub addresses: Vec<IpAddr>,
    /// Standing alarms.
    pub alarms: Vec<Alarm>,
    /// What somebody asked for by hand, and the daemon keeps to.
    pub by_hand: ByHand,
    /// The technician's code.
    pub technician: Technician,
    /// Snapshots; null for who may not see them.
    pub snapshots: Option<Snapshots>,
    /// Pings to the province's hub; null without a hub.
    pub pings: Option<Told>,
}

/// What stands on the shelf of snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Snapshots {
    /// How many.
    pub count: u64,
    /// The newest.
    pub newest: Option<NewestSnapshot>,
    /// The newest proven one's number.
    pub proven: Option<u64>,
}

/// The newest snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NewestSnapshot {
    /// Its number.
    pub id: u64,
    /// How old it is, seconds, as far as the box's clocks can tell.
    pub age_s: u64,
    /// The last proof.
    pub proof: Proven,
}

impl Snapshots {
    /// What stands there; `None`: it cannot be told.
    pub(crate) fn gather(places: &Places) -> Option<Self> {
        let found = reconcile::newest(places).ok()?;
        let newest = found.newest.map(|newest| {
            let before = &newest.manifest.moment;
            let now = moment::now(
                places,
                Some(before),
                clock::unix_seconds(),
                clock::since_boot(),
            );
            NewestSnapshot {
                id: newest.id().number(),
                age_s: now.effective_s.saturating_sub(before.effective_s),
                proof: Proven::of(&newest.proofs),
            }
        });
        Some(Self {
            count: found.count,
            newest,
            proven: found.proven.map(Id::number),
        })
    }
}

/// Standing wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ByHand {
    /// OpenMRS stays down.
    pub openmrs_stopped: bool,
    /// The door stays shut.
    pub door_shut: bool,
}

/// Who could tell the technician's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Technician {
    /// It still shows on the screen: nobody has said that it is noted.
    pub to_note: bool,
    /// The programme has a copy, encrypted to its key.
    pub for_programme: bool,
}

/// Space on the data partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DataDisk {
    /// Size in bytes.
    pub size_bytes: u64,
    /// Free for use, bytes.
    pub free_bytes: u64,
}

fn worst_first(mut alarms: Vec<Alarm>) -> Vec<Alarm> {
    alarms.sort_by_key(|alarm| {
        let code = AlarmCode::named(&alarm.code);
        (std::cmp::Reverse(code.severity), code.number)
    });
    alarms
}

impl Report {
    /// Gathers it. Needs no rights and asks nobody but files.
    #[must_use]
    pub fn gather(places: &Places) -> Self {
        let identity = release::identity(places);
        let slot = release::running(places)
            .ok()
            .and_then(|running| running.slot);
        let (facility, _) = facility::in_force(places);
        Self {
            release: identity
                .as_ref()
                .map_or_else(ToString::to_string, |found| found.release.clone()),
            slot: slot.map(|slot| slot.letter().to_string()),
            distro: identity
                .as_ref()
                .ok()
                .map(|found| format!("{} {}", found.distro.name, found.distro.version)),
            stand_in: identity.as_ref().is_ok_and(|found| found.distro.stand_in),
            facility: facility.without_secrets(),
            judgement: Judgement::read(places, clock::since_boot()),
            data_disk: rustix::fs::statvfs(places.data())
                .ok()
                .map(|space| DataDisk {
                    size_bytes: space.f_blocks.saturating_mul(space.f_frsize),
                    free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
                }),
            addresses: addresses::of_this_box(),
            alarms: worst_first(alarms::standing(places)),
            by_hand: ByHand {
                openmrs_stopped: Wish::OpenmrsStopped.stands(places),
                door_shut: Wish::DoorShut.stands(places),
            },
            technician: Technician {
                // Only root sees into the secrets; for others it looks noted.
                to_note: places.technician_code().exists(),
                for_programme: technician::programme_has_it(places),
            },
            snapshots: Snapshots::gather(places),
            pings: facility::in_force(places)
                .0
                .hub
                .and_then(|_| Told::read(places)),
        }
    }

    /// A box that serves, for the tests of those who show it.
    #[cfg(test)]
    pub(crate) fn of_a_serving_box() -> Self {
        Self {
            release: "2026.11-1".into(),
            slot: None,
            distro: None,
            stand_in: false,
            facility: Facility::default(),
            judgement: Some(Judgement {
                at: 1,
                door_open: true,
                database_answers: true,
                situation: Situation::Serving,
                since: 0,
                minutes: None,
            }),
            data_disk: None,
            addresses: vec![std::net::Ipv4Addr::new(10, 0, 0, 1).into()],
            alarms: Vec::new(),
            by_hand: ByHand::default(),
            technician: Technician::default(),
            snapshots: None,
            pings: None,
        }
    }

    /// Whether the clinic can work.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.judgement
            .as_ref()
            .is_some_and(|judgement| judgement.door_open)
    }

    /// The admin password made on this box, until somebody changes it. Needs root.
    #[must_use]
    pub fn first_password(&self, places: &Places) -> Option<String> {
        admin::generated(places).ok().flatten()
    }
}
