//! The daemon's part in pings: looks at the clock and the alarms, makes and signs pings, keeps them in the spool, and has the
//! sender bring them (`posto-ping.service`: no rights, network). Without `[hub]` nothing of it happens.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use super::Daemon;
use crate::alarms;
use crate::box_key::BoxKey;
use crate::facility::{self, Facility, Hub};
use crate::health::alarm_code::AlarmCode;
use crate::health::frame::{Frame, FrameError, Unverified};
use crate::health::hello::{self, Hello};
use crate::health::outbox::Answers;
use crate::health::post::{Heard, Post, Told};
use crate::health::probes::{self, Clocks, Facts, Probes};
use crate::health::schedule::{AlarmGate, Rhythm};
use crate::health::spool::{Kept, Kind, Spool, SpoolError, month};
use crate::places::Places;
use crate::release;
use crate::system::clock;
use crate::system::log::log;
use crate::system::random;

const SENDER: &str = "posto-ping.service";
/// Alarms, and whether the sender has answered.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A spool that cannot be opened (a full disk) is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(300);
/// The hello that was made last, by its content.
const HELLO: &str = "hello";

/// What is kept between rounds.
#[derive(Debug, Default)]
pub(super) struct Pings {
    looked: Option<Duration>,
    room: Option<Room>,
    trouble: Option<Duration>,
    alarms: AlarmGate,
    last: Option<Duration>,
    /// None while they are out, looking.
    probes: Option<Probes>,
    out: Option<Looking>,
    told: Option<Told>,
}

/// The post room with the key that signs what goes into it: read once, for the spool takes answers to this key alone.
#[derive(Debug)]
struct Room {
    post: Post,
    key: BoxKey,
}

/// Probes on their way.
#[derive(Debug)]
struct Looking {
    kind: Kind,
    clocks: Clocks,
    task: JoinHandle<(Probes, Facts)>,
}

impl Daemon {
    /// One round.
    pub(super) async fn look_after_pings(&mut self, now: Duration) {
        let looked = self.pings.looked;
        if looked.is_some_and(|last| now.saturating_sub(last) < LOOK_EVERY) {
            return;
        }
        self.pings.looked = Some(now);
        let trouble = self.pings.trouble;
        if trouble.is_some_and(|at| now.saturating_sub(at) < AGAIN_AFTER) {
            return;
        }
        let (facility, _) = facility::in_force(&self.places);
        let Some(hub) = facility.hub.clone() else {
            return;
        };
        match self.ping(&facility, &hub, now).await {
            Ok(()) => self.pings.trouble = None,
            Err(error) => {
                log(&format!("{error:#}"));
                self.pings.trouble = Some(now);
                // Opened anew: a damaged spool is put aside then.
                self.pings.room = None;
            }
        }
    }

    async fn ping(&mut self, facility: &Facility, hub: &Hub, now: Duration) -> anyhow::Result<()> {
        let mut room = match self.pings.room.take() {
            Some(room) => room,
            None => Room::open(&self.places)?,
        };
        let done = self.ping_from(&mut room, facility, hub, now).await;
        self.pings.room = Some(room);
        done
    }

    async fn ping_from(
        &mut self,
        room: &mut Room,
        facility: &Facility,
        hub: &Hub,
        now: Duration,
    ) -> anyhow::Result<()> {
        let month = month(clock::unix_seconds());
        self.begin_to_look(facility, hub, now);
        self.put_what_was_seen(room, hub, month).await?;
        self.introduce(room, facility, hub)?;
        if let Some(number) = room.post.under_way() {
            if let Some(answers) = Answers::read(&self.places, number) {
                let heard = room.post.take(&answers, hub, month, now, random())?;
                if heard.removed > 0 {
                    room.post.taken(clock::unix_seconds())?;
                }
                room.follow(&heard)?;
            } else if room.post.is_overdue(now) {
                room.post.give_up(month, now, random())?;
            }
        }
        let told = room.post.told(hub, month)?;
        if self.pings.told != Some(told) {
            told.write(&self.places)?;
            self.pings.told = Some(told);
        }
        if let Some(outbox) = room.post.outbox(hub, month, now)? {
            outbox.write(&self.places)?;
            self.order(async |bus| bus.order_start(SENDER).await).await;
        }
        Ok(())
    }

    /// Sends the probes out when a ping is due.
    fn begin_to_look(&mut self, facility: &Facility, hub: &Hub, now: Duration) {
        if self.pings.out.is_some() {
            return;
        }
        let standing: Vec<u8> = alarms::standing(&self.places)
            .iter()
            .map(|alarm| AlarmCode::named(&alarm.code).number)
            .collect();
        let (gate, tell) = std::mem::take(&mut self.pings.alarms).look(&standing, now);
        self.pings.alarms = gate;
        let every = Duration::from_secs(u64::from(hub.every_minutes) * 60);
        let due = Rhythm::new(&facility.id, every).is_due(self.pings.last, now);
        if !tell && !due {
            return;
        }
        if due {
            self.pings.last = Some(now);
        }
        let clocks = Clocks {
            unix_s: clock::unix_seconds(),
            since_boot: now,
        };
        let mut probes = self.pings.probes.take().unwrap_or_default();
        let (places, updating) = (self.places.clone(), self.updates.running);
        self.pings.out = Some(Looking {
            kind: if tell { Kind::Alarm } else { Kind::Routine },
            clocks,
            task: tokio::spawn(async move {
                let facts = probes.look(&places, clocks, updating).await;
                (probes, facts)
            }),
        });
    }

    /// Makes the ping when the probes are back; they are not waited for.
    async fn put_what_was_seen(
        &mut self,
        room: &mut Room,
        hub: &Hub,
        month: i64,
    ) -> anyhow::Result<()> {
        let Some(looking) = self.pings.out.take_if(|out| out.task.is_finished()) else {
            return Ok(());
        };
        let (probes, facts) = looking.task.await?;
        self.pings.probes = Some(probes);
        let standing = alarms::standing(&self.places);
        let worst = AlarmCode::worst(standing.iter().map(|alarm| alarm.code.as_str()));
        let left = room.post.budget_left(hub, month)?;
        let frame = probes::frame(
            &facts,
            looking.clocks,
            worst.map(|code| code.number),
            Some(left),
        );
        let Room { post, key } = room;
        post.put(looking.kind, |sequence| numbered(key, frame, sequence))?;
        Ok(())
    }

    /// Says who this is whenever that changes.
    fn introduce(&self, room: &mut Room, facility: &Facility, hub: &Hub) -> anyhow::Result<()> {
        let Room { post, key } = room;
        let identity = release::identity(&self.places).ok();
        let release = identity
            .as_ref()
            .map_or("", |found| found.release.as_str())
            .to_string();
        let built = identity.map_or(0, |found| found.built);
        let content = format!(
            "{}\0{}\0{release}\0{built}\0{}\0{}",
            facility.id,
            facility.name,
            hub.key,
            key.public()
        );
        let digest = hex::encode(Sha256::digest(content));
        if post.spool().fact(HELLO)?.as_deref() == Some(digest.as_str()) {
            return Ok(());
        }
        post.put(Kind::Hello, |sequence| {
            let hello = Hello {
                sequence,
                key: *key.public().verifying_key(),
                facility: hello::fitting(&facility.id),
                name: hello::fitting(&facility.name),
                release: hello::fitting(&release),
                release_built_s: u32::try_from(built).unwrap_or(u32::MAX),
            };
            let signed = hello.seal(|bytes| key.signature(bytes));
            signed.map(|signed| signed.to_vec())
        })?;
        post.spool().keep_fact(HELLO, &digest)?;
        Ok(())
    }
}

impl Room {
    fn open(places: &Places) -> anyhow::Result<Self> {
        let key = BoxKey::read(places)?;
        let spool = Spool::open(&places.pings(), &places.ping_number())?;
        let post = Post::new(spool, key.public().key_id());
        Ok(Self { post, key })
    }

    /// Does what the hub asks for besides.
    fn follow(&mut self, heard: &Heard) -> Result<(), SpoolError> {
        if heard.say_hello {
            self.post.spool().keep_fact(HELLO, "")?;
        }
        if !heard.other_words.is_empty() {
            self.post.spool().number_on()?;
            for kept in &heard.other_words {
                self.renumber(kept)?;
            }
        }
        Ok(())
    }

    fn renumber(&mut self, kept: &Kept) -> Result<(), SpoolError> {
        let Self { post, key } = self;
        if kept.kind == Kind::Hello {
            return post.spool().keep_fact(HELLO, "");
        }
        post.spool().renumber(kept, |sequence| {
            let frame = Unverified::parse(&kept.bytes)?;
            let frame = frame.verify(key.public().verifying_key())?;
            numbered(key, frame.into_inner(), sequence)
        })
    }
}

/// The frame under its number, signed.
fn numbered(key: &BoxKey, frame: Frame, sequence: u32) -> Result<Vec<u8>, FrameError> {
    let frame = Frame { sequence, ..frame };
    let signed = frame.seal(key.public().key_id(), |bytes| key.signature(bytes));
    signed.map(|signed| signed.to_vec())
}

fn random() -> u64 {
    random::number().unwrap_or(0)
}
