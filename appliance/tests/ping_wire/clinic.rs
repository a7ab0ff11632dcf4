//! The box's side: its real spool, post room and sender, with the time as an argument.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use posto::facility::Hub;
use posto::health::frame::{Frame, State};
use posto::health::post::Post;
use posto::health::send::{self, Patience};
use posto::health::spool::{Kind, Spool, month};
use posto::system::clock::pause;

use crate::boxes::MadeUp;
use crate::network::Network;

pub(crate) const QUARTER: Duration = Duration::from_secs(900);
const MINUTE: Duration = Duration::from_secs(60);
const A_MOMENT: Duration = Duration::from_millis(3);
/// The box's clock when it was switched on: noon of a day in November 2026.
const ON_UNIX_S: u64 = 1_795_608_000;

/// A box.
pub(crate) struct Clinic<'a> {
    network: &'a Network,
    made_up: &'a MadeUp,
    post: Post,
    hub: Hub,
    now: Duration,
    /// What was made, signed.
    pub(crate) pings: Vec<Vec<u8>>,
    /// Bytes on the wire, by the sender's own count.
    pub(crate) counted: u64,
}

impl<'a> Clinic<'a> {
    pub(crate) fn new(
        network: &'a Network,
        made_up: &'a MadeUp,
        directory: &Path,
        hub: &Hub,
    ) -> Self {
        let directory = directory.join(&made_up.facility);
        std::fs::create_dir(&directory).unwrap();
        let spool = Spool::open(&directory.join("pings"), &directory.join("number")).unwrap();
        Self {
            network,
            post: Post::new(spool, made_up.id),
            made_up,
            hub: hub.clone(),
            now: Duration::from_secs(300),
            pings: Vec::new(),
            counted: 0,
        }
    }

    /// By HTTPS only.
    pub(crate) fn without_udp(mut self) -> Self {
        self.hub.udp = None;
        self
    }

    /// By UDP only.
    pub(crate) fn without_https(mut self) -> Self {
        self.hub.https = None;
        self
    }

    /// UDP goes there.
    pub(crate) fn with_udp(mut self, udp: SocketAddr) -> Self {
        self.hub.udp = Some(udp);
        self
    }

    /// Makes a routine ping.
    pub(crate) fn ping(&mut self) {
        let (made_up, now) = (self.made_up, self.now);
        let mut made = Vec::new();
        self.post
            .put(Kind::Routine, |sequence| {
                made = made_up.frame(sequence, |frame| fill(frame, now));
                Ok(made.clone())
            })
            .unwrap();
        self.pings.push(made);
    }

    /// Lets the time go by; the daemon looks once a minute whether something is to be sent.
    pub(crate) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.look();
            self.now += MINUTE;
        }
    }

    fn look(&mut self) {
        let month = month(ON_UNIX_S + self.now.as_secs());
        let Some(outbox) = self.post.outbox(&self.hub, month, self.now).unwrap() else {
            return;
        };
        let answers = self
            .network
            .clinic
            .inside(|| send::carry(&outbox, Patience::default()));
        self.counted += answers.spent.bytes();
        // The hub has several receivers: what comes in one moment may change places, what comes each quarter of an hour does not.
        pause(A_MOMENT);
        self.post
            .take(&answers, &self.hub, month, self.now, 7)
            .unwrap();
    }

    /// So many quarters of an hour, a ping at the beginning of each.
    pub(crate) fn quarters(&mut self, count: u64) {
        for _ in 0..count {
            self.ping();
            self.wait(QUARTER);
        }
    }

    /// Pings that the hub has not proven to have.
    pub(crate) fn waiting(&mut self) -> u64 {
        let waiting = self.post.spool().waiting().unwrap();
        waiting.urgent + waiting.routine
    }
}

/// As a working box is at that time since it was switched on: open from eight to five, a snapshot an hour, a copy a week.
fn fill(frame: &mut Frame, now: Duration) {
    let minutes = now.as_secs() / 60;
    let unix_s = ON_UNIX_S + now.as_secs();
    let today = (unix_s + 2 * 3600) % 86_400 / 60;
    let open = (8 * 60..17 * 60).contains(&today);
    let figure = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
    let small = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
    frame.boot = Some(212);
    frame.at_unix_s = u32::try_from(unix_s).unwrap();
    frame.state = State::of(0x1a_a6a5);
    frame.release_built_s = Some(1_793_000_000);
    frame.openmrs_since_min = Some(figure(minutes));
    frame.last_start_s = Some(47);
    frame.encounter_age_min = Some(figure(if open {
        minutes % 13
    } else {
        (today + 1440 - 17 * 60) % 1440
    }));
    frame.encounters_today = Some(figure(
        today.clamp(8 * 60, 17 * 60).saturating_sub(8 * 60) / 4,
    ));
    frame.snapshot_age_min = Some(figure(minutes % 60));
    frame.copy_age_h = Some(figure(minutes / 60 % 168));
    frame.journal_days_behind = Some(0);
    frame.budget_left_mb = Some(4);
    frame.disk_used_percent = Some(37);
    frame.disk_free_gb = Some(150);
    frame.inodes_used_percent = Some(2);
    frame.wear_percent = Some(4);
    frame.memory_pressure_percent = Some(small(if open { minutes % 5 } else { 0 }));
    frame.temperature_c = Some(small(44 + minutes % 17));
    frame.unclean_boots = Some(61);
}
