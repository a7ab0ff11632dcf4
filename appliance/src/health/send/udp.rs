//! One packet a ping, each answered by one packet, or none. A few are under way at a time; the first goes alone, to see whether
//! anybody is there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::{Heard, Patience};
use crate::health::ack::ACK_LIMIT_BYTES;
use crate::health::datagram;
use crate::health::outbox::{Letter, Outbox};

/// Packets under way: about what 2G holds in one round trip.
const WINDOW: usize = 16;

/// Brings what is not answered yet; ends when a round of tries brought nothing.
pub(super) fn carry(outbox: &Outbox, hub: SocketAddr, patience: Patience, heard: &mut Heard) {
    let from: SocketAddr = match hub.ip() {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let Ok(socket) = UdpSocket::bind(from) else {
        return;
    };
    if socket.connect(hub).is_err() {
        return;
    }
    let wire = Wire {
        socket,
        headers: if hub.is_ipv4() { 28 } else { 48 },
    };
    if outbox.is_quiet() {
        for letter in &outbox.letters {
            wire.send(letter, outbox, heard);
        }
        return;
    }
    let mut window = 1;
    let until = Instant::now() + patience.whole_udp;
    while Instant::now() < until {
        let letters = outbox
            .letters
            .iter()
            .filter(|letter| !heard.answered(letter.sequence));
        let letters: Vec<&Letter> = letters.take(window).collect();
        if letters.is_empty() || heard.is_turned_away() {
            return;
        }
        if !wire.exchange(&letters, outbox, patience, heard) {
            return;
        }
        window = WINDOW;
    }
}

struct Wire {
    socket: UdpSocket,
    /// Of UDP and IP, a packet.
    headers: u64,
}

impl Wire {
    /// Sends these until all are answered; whether any was.
    fn exchange(
        &self,
        letters: &[&Letter],
        outbox: &Outbox,
        patience: Patience,
        heard: &mut Heard,
    ) -> bool {
        let open = |heard: &Heard| -> usize {
            let open = letters
                .iter()
                .filter(|letter| !heard.answered(letter.sequence));
            open.count()
        };
        for wait in patience.udp {
            for letter in letters {
                if heard.answered(letter.sequence) {
                    continue;
                }
                if !self.send(letter, outbox, heard) {
                    return open(heard) < letters.len();
                }
            }
            let until = Instant::now() + wait;
            while open(heard) > 0 && self.hear(until, outbox, heard) {}
            if open(heard) == 0 {
                return true;
            }
        }
        open(heard) < letters.len()
    }

    /// Sends one packet; `false`: it would cost too much.
    fn send(&self, letter: &Letter, outbox: &Outbox, heard: &mut Heard) -> bool {
        let packet = datagram::written(&letter.bytes.0, letter.wish);
        let cost = self.headers + packet.len() as u64;
        if !heard.may_spend(cost, outbox) {
            return false;
        }
        heard.spent().udp_bytes += cost;
        // Unreachable now, or the port is shut: the tries that are left may find it open.
        let _ = self.socket.send(&packet);
        true
    }

    /// Waits for one packet until then; `false`: the time is over.
    fn hear(&self, until: Instant, outbox: &Outbox, heard: &mut Heard) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero()
            || self
                .socket
                .set_read_timeout(Some(left.max(Duration::from_millis(1))))
                .is_err()
        {
            return false;
        }
        // One byte more than an answer has: a longer one is none.
        let mut packet = [0; ACK_LIMIT_BYTES + 1];
        match self.socket.recv(&mut packet) {
            Ok(length) => {
                heard.spent().udp_bytes += self.headers + length as u64;
                if let Some(bytes) = packet.get(..length) {
                    heard.note(bytes, outbox);
                }
                true
            }
            // Also ICMP's word that the port is shut: the next try may find it open, and waiting does not help.
            Err(_) => false,
        }
    }
}
