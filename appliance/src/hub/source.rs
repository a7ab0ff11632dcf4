//! Where rubbish comes from: a source that sends forgeries or recordings is not listened to for a while, so that checking signatures
//! costs no more than it is worth. Sources of UDP can be made up; a full table shuts out nobody.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::limit::Limit;

/// In ten seconds: 20 messages a second and source that were not worth their signature's check take 0.2 % of a core. An honest box
/// whose answers were lost repeats itself less often.
const WINDOW_S: u64 = 10;
const WASTED: u32 = 200;
/// Hellos of keys that are not approved, in ten minutes: several boxes behind one address may be new.
const HELLO_WINDOW_S: u64 = 600;
const HELLOS: u32 = 60;
/// Answers to unknown boxes in a second, to all together: each costs a signature.
const STRANGERS: u32 = 500;
const CAPACITY: usize = 4_096;

/// What was seen of whom.
#[derive(Debug)]
pub struct Sources(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    wasted: Limit<IpAddr>,
    hellos: Limit<IpAddr>,
    strangers: Limit<()>,
}

impl Default for Sources {
    fn default() -> Self {
        Self(Mutex::new(Seen {
            wasted: Limit::new(WINDOW_S, WASTED, CAPACITY),
            hellos: Limit::new(HELLO_WINDOW_S, HELLOS, CAPACITY),
            strangers: Limit::new(1, STRANGERS, 1),
        }))
    }
}

impl Sources {
    /// Whether what comes from there is worth a look.
    #[must_use]
    pub fn is_open(&self, source: IpAddr, now_s: u64) -> bool {
        self.with(|seen| seen.wasted.is_open(&network(source), now_s))
    }

    /// A message from there did not fit its key, or was kept before.
    pub fn wasted(&self, source: IpAddr, now_s: u64) {
        self.with(|seen| seen.wasted.count(network(source), now_s));
    }

    /// Whether one more hello from there may be noted; counts it.
    #[must_use]
    pub fn may_say_hello(&self, source: IpAddr, now_s: u64) -> bool {
        self.with(|seen| {
            let source = network(source);
            let open = seen.hellos.is_open(&source, now_s);
            seen.hellos.count(source, now_s);
            open
        })
    }

    /// Whether one more unknown box may be answered; counts it.
    #[must_use]
    pub fn may_answer_stranger(&self, now_s: u64) -> bool {
        self.with(|seen| {
            let open = seen.strangers.is_open(&(), now_s);
            seen.strangers.count((), now_s);
            open
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who has one IPv6 address has 2^64: they count as one.
fn network(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => address.into(),
            None => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forger_is_not_listened_to_for_a_while_and_others_are() {
        let sources = Sources::default();
        let forger: IpAddr = "2001:db8::1".parse().unwrap();
        for _ in 0..WASTED {
            assert!(sources.is_open(forger, 100));
            sources.wasted(forger, 100);
        }
        assert!(!sources.is_open("2001:db8::ffff".parse().unwrap(), 105));
        assert!(sources.is_open("2001:db8:1::1".parse().unwrap(), 105));
        assert!(sources.is_open(forger, 110));
    }

    #[test]
    fn hellos_and_answers_to_strangers_are_rationed() {
        let sources = Sources::default();
        let one: IpAddr = "10.0.0.1".parse().unwrap();
        let hellos = (0..200).filter(|_| sources.may_say_hello(one, 5)).count();
        assert_eq!(hellos, HELLOS as usize);
        assert!(sources.may_say_hello("10.0.0.2".parse().unwrap(), 5));
        let answers = (0..5_000)
            .filter(|_| sources.may_answer_stranger(5))
            .count();
        assert_eq!(answers, STRANGERS as usize);
        assert!(sources.may_answer_stranger(6));
    }
}
