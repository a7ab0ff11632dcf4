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
use crate::health::frame::Unverified;
use crate::health::hello::{self, Hello};
use crate::health::outbox::Answers;
use crate::health::post::{Heard, Post, Told};
use crate::health::probes::{self, Clocks, Facts, Probes};
use crate::health::schedule::{AlarmGate, Rhythm};
use crate::health::spool::{Kept, Kind, Spool, SpoolError};
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
    post: Option<Post>,
    trouble: Option<Duration>,
    alarms: AlarmGate,
    last: Option<Duration>,
    /// None while they are out, looking.
    probes: Option<Probes>,
    out: Option<Looking>,
    told: Option<Told>,
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
                self.pings.post = None;
            }
        }
    }

    async fn ping(&mut self, facility: &Facility, hub: &Hub, now: Duration) -> anyhow::Result<()> {
        let key = BoxKey::read(&self.places)?;
        let month = month(clock::unix_seconds());
        let mut post = match self.pings.post.take() {
            Some(post) => post,
            None => Post::new(
                Spool::open(&self.places.pings(), &self.places.ping_number())?,
                key.public().key_id(),
            ),
        };
        let done = self.ping_with(&mut post, &key, facility, hub, month, now);
        let done = done.await;
        self.pings.post = Some(post);
        done
    }

    async fn ping_with(
        &mut self,
        post: &mut Post,
        key: &BoxKey,
        facility: &Facility,
        hub: &Hub,
        month: i64,
        now: Duration,
    ) -> anyhow::Result<()> {
        self.begin_to_look(facility, hub, now);
        self.put_what_was_seen(post, key, hub, month).await?;
        self.introduce(post, key, facility, hub)?;
        if let Some(number) = post.under_way() {
            if let Some(answers) = Answers::read(&self.places, number) {
                let heard = post.take(&answers, hub, month, now, random())?;
                if heard.removed > 0 {
                    post.taken(clock::unix_seconds())?;
                }
                follow(post, key, &heard)?;
            } else if post.is_overdue(now) {
                post.give_up(month, now, random())?;
            }
        }
        let told = post.told(hub, month)?;
        if self.pings.told != Some(told) {
            told.write(&self.places)?;
            self.pings.told = Some(told);
        }
        if let Some(outbox) = post.outbox(hub, month, now)? {
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
        let places = self.places.clone();
        self.pings.out = Some(Looking {
            kind: if tell { Kind::Alarm } else { Kind::Routine },
            clocks,
            task: tokio::spawn(async move {
                let facts = probes.look(&places, clocks).await;
                (probes, facts)
            }),
        });
    }

    /// Makes the ping when the probes are back; they are not waited for.
    async fn put_what_was_seen(
        &mut self,
        post: &mut Post,
        key: &BoxKey,
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
        let left = post.budget_left(hub, month)?;
        let frame = probes::frame(
            &facts,
            looking.clocks,
            worst.map(|code| code.number),
            Some(left),
        );
        post.put(looking.kind, |sequence| {
            let mut frame = frame;
            frame.sequence = sequence;
            frame
                .seal(key.public().key_id(), |bytes| key.signature(bytes))
                .map(|signed| signed.to_vec())
                .map_err(|error| error.to_string())
        })?;
        Ok(())
    }

    /// Says who this is whenever that changes.
    fn introduce(
        &self,
        post: &mut Post,
        key: &BoxKey,
        facility: &Facility,
        hub: &Hub,
    ) -> anyhow::Result<()> {
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
            signed
                .map(|signed| signed.to_vec())
                .map_err(|error| error.to_string())
        })?;
        post.spool().keep_fact(HELLO, &digest)?;
        Ok(())
    }
}

/// Does what the hub asks for besides.
fn follow(post: &mut Post, key: &BoxKey, heard: &Heard) -> Result<(), SpoolError> {
    if heard.say_hello {
        post.spool().keep_fact(HELLO, "")?;
    }
    if !heard.other_words.is_empty() {
        post.spool().number_on()?;
        for kept in &heard.other_words {
            renumber(post, key, kept)?;
        }
    }
    Ok(())
}

fn renumber(post: &mut Post, key: &BoxKey, kept: &Kept) -> Result<(), SpoolError> {
    if kept.kind == Kind::Hello {
        return post.spool().keep_fact(HELLO, "");
    }
    post.spool().renumber(kept, |sequence| {
        let signed = Unverified::parse(&kept.bytes)
            .and_then(|frame| frame.verify(key.public().verifying_key()))
            .and_then(|frame| {
                let mut frame = frame.into_inner();
                frame.sequence = sequence;
                frame.seal(key.public().key_id(), |bytes| key.signature(bytes))
            });
        signed
            .map(|signed| signed.to_vec())
            .map_err(|error| error.to_string())
    })
}

fn random() -> u64 {
    random::number().unwrap_or(0)
}

/// Months since the year 0, UTC; a clock that is wrong has its own months.
fn month(unix_s: u64) -> i64 {
    i64::try_from(unix_s)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or(0, |time| {
            let date = time.to_zoned(jiff::tz::TimeZone::UTC);
            i64::from(date.year()) * 12 + i64::from(date.month()) - 1
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_where_the_calendar_says() {
        assert_eq!(month(0), 1970 * 12);
        assert_eq!(month(1_795_996_799), 2026 * 12 + 10);
        assert_eq!(month(1_796_083_200), 2026 * 12 + 11);
    }
}
