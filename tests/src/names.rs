//! A name server that knows one name (RFC 1035), for machines under test that have no other.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

/// RFC 1035, section 4.2.1.
const MESSAGE_MAX_BYTES: usize = 512;
const HEAD_BYTES: usize = 12;
/// Type and class of a question for an IPv4 address.
const ADDRESS_QUESTION: [u8; 4] = [0, 1, 0, 1];
/// How often it looks whether it is to end.
const PAUSE: Duration = Duration::from_millis(200);

/// A running name server; it ends with this value.
#[derive(Debug)]
pub struct NameServer {
    told: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl NameServer {
    /// Serves at `address`: `name` is at `is_at`, and nothing else is anywhere.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub fn start(address: &str, name: &str, is_at: Ipv4Addr) -> Result<Self> {
        let socket = UdpSocket::bind(address).with_context(|| address.to_owned())?;
        socket.set_read_timeout(Some(PAUSE))?;
        let server = Self {
            told: Arc::default(),
            ended: Arc::default(),
        };
        let (told, ended) = (Arc::clone(&server.told), Arc::clone(&server.ended));
        let name = wire_name(name);
        std::thread::spawn(move || {
            let mut buffer = [0; MESSAGE_MAX_BYTES];
            while !ended.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let Some(answer) = buffer.get(..length).and_then(|it| answer(it, &name, is_at))
                else {
                    continue;
                };
                // Who asked asks again if this is lost.
                socket.send_to(&answer, from).ok();
                told.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(server)
    }

    /// How many questions it answered.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// `a.b` as labels with their lengths.
fn wire_name(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.') {
        wire.push(u8::try_from(label.len()).unwrap_or(0));
        wire.extend(label.bytes());
    }
    wire.push(0);
    wire
}

/// The answer to one question; `None`: it is no question.
fn answer(question: &[u8], name: &[u8], is_at: Ipv4Addr) -> Option<Vec<u8>> {
    let asked = question.get(HEAD_BYTES..)?;
    let end = asked.iter().position(|&byte| byte == 0)? + 1;
    let kind = asked.get(end..end + 4)?;
    let known = asked.get(..end)?.eq_ignore_ascii_case(name);
    let found = known && kind == ADDRESS_QUESTION;
    let mut answer = question.get(..2)?.to_vec();
    // A response with authority; recursion is "available", or some resolvers ask on. 3: no such name.
    answer.extend([0x85, if known { 0x80 } else { 0x83 }]);
    answer.extend([0, 1, 0, u8::from(found), 0, 0, 0, 0]);
    answer.extend(asked.get(..end + 4)?);
    if found {
        // The name as above, at offset 12; IPv4, a minute.
        answer.extend([0xc0, 12]);
        answer.extend(ADDRESS_QUESTION);
        answer.extend([0, 0, 0, 60, 0, 4]);
        answer.extend(is_at.octets());
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, kind: u8) -> Vec<u8> {
        let mut question = vec![7, 8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        question.extend(wire_name(name));
        question.extend([0, kind, 0, 1]);
        question
    }

    #[test]
    fn it_tells_its_one_name_and_no_other() {
        let name = wire_name("hub.posto.test");
        let is_at = Ipv4Addr::new(10, 1, 2, 3);
        let told = |name_asked, kind| answer(&asked(name_asked, kind), &name, is_at).unwrap();
        let found = told("Hub.posto.test", 1);
        assert!(found.starts_with(&[7, 8, 0x85, 0x80, 0, 1, 0, 1]));
        assert!(found.ends_with(&[0, 4, 10, 1, 2, 3]));
        // IPv6: the name is there, such an address is not.
        assert!(told("hub.posto.test", 28).starts_with(&[7, 8, 0x85, 0x80, 0, 1, 0, 0]));
        assert_eq!(told("other.test", 1)[3] & 15, 3);
        assert!(answer(&[0; 12], &name, is_at).is_none());
    }
}
