//! The box's post room: what goes into the next outbox, and what the hub's answers mean for the spool. No clocks, no network:
//! times (since boot) and months are arguments.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ack::{Ack, BATCH_LIMIT, Verdict};
use super::cose::KeyId;
use super::datagram::{QUIET_LIMIT, Wish};
use super::frame::FrameError;
use super::outbox::{Answers, Bytes, Letter, Outbox};
use super::schedule::{Outcome, Sending, Waiting};
use super::spool::{Kept, Kind, Spool, SpoolError};
use crate::facility::Hub;
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// Three tries of UDP and a post take 74 s at most; the unit's start comes on top.
const SENDER_LIMIT: Duration = Duration::from_secs(180);
/// One outbox costs no more, whatever the link: 256 pings by UDP with answers take 80 KB.
const ALLOWANCE_BYTES: u64 = 200_000;
/// What is urgent goes also without a budget.
const THRIFTY_ALLOWANCE_BYTES: u64 = 20_000;
const MEGABYTE: u64 = 1_000_000;

/// When the hub last took something.
const TAKEN: &str = "taken";
/// No honest file is larger.
const TOLD_LIMIT_BYTES: u64 = 4096;

/// How the pings are, for `posto status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Told {
    /// Hellos and pings about alarms that wait.
    pub urgent: u64,
    /// Routine pings that wait; those whose answer was not wanted yet are not among them.
    pub routine: u64,
    /// When the hub last took something, seconds since 1970.
    pub taken_unix_s: Option<u64>,
    /// Of this month's budget, bytes on the wire.
    pub spent_bytes: u64,
    /// The month's budget, bytes.
    pub budget_bytes: u64,
}

impl Told {
    /// Leaves it for readers.
    ///
    /// # Errors
    /// When tmpfs is full or away.
    pub fn write(&self, places: &Places) -> Result<(), DurableError> {
        if let Some(directory) = places.pings_told().parent() {
            durable::directory(directory, Owner::mode(0o755))?;
        }
        let text = serde_json::to_vec(self).unwrap_or_default();
        durable::write(&places.pings_told(), &text, Owner::mode(0o644))
    }

    /// What the daemon last said; `None`: no hub, or no daemon.
    #[must_use]
    pub fn read(places: &Places) -> Option<Self> {
        let bytes = durable::read(&places.pings_told(), TOLD_LIMIT_BYTES).ok()??;
        serde_json::from_slice(&bytes).ok()
    }
}

/// The post room between two rounds.
#[derive(Debug)]
pub struct Post {
    spool: Spool,
    me: KeyId,
    sending: Sending,
    /// Something urgent came in since the last outbox.
    news: bool,
    /// The hub keeps nothing yet: one letter asks again.
    waiting: bool,
    /// The hub took everything by UDP when it was last asked: an answer to each routine ping is not needed.
    on_terms: bool,
    /// Sent without an answer; still in the spool. Forgotten with the program: then they are sent once more.
    quiet: BTreeSet<u32>,
    under_way: Option<UnderWay>,
}

/// An outbox that the sender has.
#[derive(Debug)]
struct UnderWay {
    number: u64,
    since: Duration,
    quiet: bool,
    letters: Vec<Kept>,
}

/// What the hub wants besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// Pings that left the spool.
    pub removed: usize,
    /// It does not know this box: a hello goes first.
    pub say_hello: bool,
    /// It has other words under these numbers: they need new ones.
    pub other_words: Vec<Kept>,
}

impl Post {
    /// With this spool; `me`: this box's key.
    #[must_use]
    pub fn new(spool: Spool, me: KeyId) -> Self {
        Self {
            spool,
            me,
            sending: Sending::default(),
            news: false,
            waiting: false,
            on_terms: false,
            quiet: BTreeSet::new(),
            under_way: None,
        }
    }

    /// The spool.
    pub fn spool(&mut self) -> &mut Spool {
        &mut self.spool
    }

    /// Puts a message in; `make` signs it with its number.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn put(
        &mut self,
        kind: Kind,
        make: impl FnOnce(u32) -> Result<Vec<u8>, FrameError>,
    ) -> Result<u32, SpoolError> {
        let sequence = self.spool.append(kind, make)?;
        self.news |= kind != Kind::Routine;
        Ok(sequence)
    }

    /// The number of the outbox that the sender has.
    #[must_use]
    pub fn under_way(&self) -> Option<u64> {
        self.under_way.as_ref().map(|under_way| under_way.number)
    }

    /// Whether the sender should have answered by now.
    #[must_use]
    pub fn is_overdue(&self, now: Duration) -> bool {
        self.under_way
            .as_ref()
            .is_some_and(|under_way| now.saturating_sub(under_way.since) >= SENDER_LIMIT)
    }

    /// What waits and what it costs, for people.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn told(&self, hub: &Hub, month: i64) -> Result<Told, SpoolError> {
        let waiting = self.open()?;
        Ok(Told {
            urgent: waiting.urgent,
            routine: waiting.routine,
            taken_unix_s: self
                .spool
                .fact(TAKEN)?
                .and_then(|seconds| seconds.parse().ok()),
            spent_bytes: self.spool.spent(month)?,
            budget_bytes: budget_bytes(hub),
        })
    }

    /// Notes that the hub has taken something.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn taken(&mut self, unix_s: u64) -> Result<(), SpoolError> {
        self.spool.keep_fact(TAKEN, &unix_s.to_string())
    }

    /// Left of this month's budget, bytes.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn budget_left(&self, hub: &Hub, month: i64) -> Result<u64, SpoolError> {
        Ok(budget_bytes(hub).saturating_sub(self.spool.spent(month)?))
    }

    /// The next outbox, if it is time for one and the sender has none.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn outbox(
        &mut self,
        hub: &Hub,
        month: i64,
        now: Duration,
    ) -> Result<Option<Outbox>, SpoolError> {
        if self.under_way.is_some() {
            return Ok(None);
        }
        let left = self.budget_left(hub, month)?;
        let thrifty = left == 0;
        let waiting = self.open()?;
        if !self.sending.is_due(waiting, self.news, thrifty, now) {
            return Ok(None);
        }
        let count = if self.waiting { 1 } else { BATCH_LIMIT };
        let mut letters = self.spool.next(count + self.quiet.len(), thrifty)?;
        letters.retain(|kept| !self.quiet.contains(&kept.sequence));
        letters.truncate(count);
        let alone = matches!(letters.as_slice(), [one] if one.kind == Kind::Routine);
        let quiet = alone && self.on_terms && hub.udp.is_some() && self.quiet.len() < QUIET_LIMIT;
        // The answer to the last of them can speak for all that went quietly before it.
        let pings = letters.iter().filter(|kept| kept.kind != Kind::Hello);
        let speaker = pings.map(|kept| kept.sequence).max();
        let wish = |sequence| match self.quiet.first() {
            _ if quiet => Wish::Quiet,
            Some(first) if speaker == Some(sequence) => Wish::Since(*first),
            _ => Wish::Own,
        };
        let number = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let outbox = Outbox {
            number,
            hub: hub.key,
            udp: hub.udp,
            https: hub.https.clone(),
            authority: hub.authority.clone(),
            allowance_bytes: if thrifty {
                THRIFTY_ALLOWANCE_BYTES
            } else {
                left.clamp(THRIFTY_ALLOWANCE_BYTES, ALLOWANCE_BYTES)
            },
            letters: letters
                .iter()
                .map(|kept| Letter {
                    sequence: kept.sequence,
                    bytes: Bytes(kept.bytes.clone()),
                    wish: wish(kept.sequence),
                })
                .collect(),
        };
        self.news = false;
        self.under_way = Some(UnderWay {
            number,
            since: now,
            quiet,
            letters,
        });
        Ok(Some(outbox))
    }

    /// What waits to be sent.
    fn open(&self) -> Result<Waiting, SpoolError> {
        let waiting = self.spool.waiting()?;
        Ok(Waiting {
            routine: waiting.routine.saturating_sub(self.quiet.len() as u64),
            ..waiting
        })
    }

    /// Takes the sender's answers: what the hub has signed removes pings, and nothing else does.
    ///
    /// # Errors
    /// [`SpoolError`]; what was not removed is sent again.
    pub fn take(
        &mut self,
        answers: &Answers,
        hub: &Hub,
        month: i64,
        now: Duration,
        random: u64,
    ) -> Result<Heard, SpoolError> {
        let Some(under_way) = self
            .under_way
            .take_if(|under_way| under_way.number == answers.number)
        else {
            return Ok(Heard::default());
        };
        self.spool.spend(month, answers.spent.bytes())?;
        if under_way.quiet {
            if answers.spent.udp_bytes > 0 {
                let sent = under_way.letters.iter().map(|kept| kept.sequence);
                self.quiet.extend(sent);
            } else {
                self.silence(now, random);
            }
            return Ok(Heard::default());
        }
        let mut heard = Heard::default();
        let mut answered = false;
        for bytes in answers.acks.iter().take(BATCH_LIMIT) {
            let Ok(ack) = Ack::verify(&bytes.0, hub.key.verifying_key()) else {
                continue;
            };
            if ack.to != self.me {
                continue;
            }
            answered = true;
            match ack.verdict {
                Verdict::Taken => {
                    let sent = |sequence| {
                        let mut letters = under_way.letters.iter();
                        letters.any(|kept| kept.sequence == sequence)
                    };
                    heard.removed += self.spool.confirm(&ack, self.me, sent)?;
                }
                Verdict::SayHello => heard.say_hello = true,
                Verdict::Waiting => {}
                Verdict::OtherWords => {
                    let named = under_way.letters.iter();
                    heard
                        .other_words
                        .extend(named.filter(|kept| ack.names(kept.sequence)).cloned());
                }
            }
        }
        let outcome = match (heard.removed, answered) {
            (1.., _) => Outcome::Taken,
            (0, true) => Outcome::Waiting,
            (0, false) => Outcome::Silence,
        };
        self.waiting = outcome == Outcome::Waiting && !heard.say_hello;
        // Where UDP does not pass, quiet ones would be lost, each time. What was lost once is not sent quietly again: the next
        // answer could not vouch for a row with others between.
        let all = under_way.letters.len() + self.quiet.len();
        self.on_terms = heard.removed >= all && answers.spent.https_bytes == 0;
        // What was wanted an answer to and has none is sent again as others are.
        self.quiet.clear();
        self.sending = self.sending.after(outcome, now, random);
        Ok(heard)
    }

    fn silence(&mut self, now: Duration, random: u64) {
        self.on_terms = false;
        self.quiet.clear();
        self.sending = self.sending.after(Outcome::Silence, now, random);
    }

    /// The sender died, or could not be started: what it may have spent is counted, and it is tried again later.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn give_up(&mut self, month: i64, now: Duration, random: u64) -> Result<(), SpoolError> {
        let Some(under_way) = self.under_way.take() else {
            return Ok(());
        };
        self.silence(now, random);
        let bytes = under_way
            .letters
            .iter()
            .map(|kept| kept.bytes.len() as u64 + 28);
        self.spool.spend(month, bytes.sum())
    }
}

fn budget_bytes(hub: &Hub) -> u64 {
    u64::from(hub.budget_mb) * MEGABYTE
}
