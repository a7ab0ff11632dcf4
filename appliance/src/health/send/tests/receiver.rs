//! A hub's receiver, as small as it can be: by UDP, and by plain HTTP.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Condvar;

use super::*;
use crate::health::ack;
use crate::health::datagram::{self, Wish};

/// What a receiver got.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// Each number once, as it came first.
    order: Vec<(u32, Option<u8>)>,
    seen: BTreeMap<u32, Vec<u8>>,
    pub(super) again: usize,
}

/// A hub's receiver, as small as it can be.
#[derive(Clone, Default)]
pub(super) struct Receiver {
    pub(super) received: Arc<Mutex<Received>>,
    came: Arc<Condvar>,
}

impl Receiver {
    pub(super) fn take(&self, bytes: &[u8]) -> u32 {
        let frame = Unverified::parse(bytes)
            .unwrap()
            .verify(&box_key().verifying_key())
            .unwrap();
        let mut received = self.received.lock().unwrap();
        if received
            .seen
            .insert(frame.sequence, bytes.to_vec())
            .is_none()
        {
            received.order.push((frame.sequence, frame.alarm));
        } else {
            received.again += 1;
        }
        self.came.notify_all();
        frame.sequence
    }

    pub(super) fn ack(&self, verdict: Verdict, numbers: &[u32]) -> Vec<u8> {
        signed(&Ack::new(ME, verdict, numbers))
    }

    /// As the hub answers: about this number, and what was wanted besides.
    fn answer(&self, number: u32, wish: Wish) -> Vec<u8> {
        let Wish::Since(first) = wish else {
            return self.ack(Verdict::Taken, &[number]);
        };
        let received = self.received.lock().unwrap();
        let held = || received.seen.range(first..number);
        let numbers: Vec<u32> = held().map(|(number, _)| *number).chain([number]).collect();
        let check = ack::check(held().map(|(_, bytes)| bytes.as_slice()));
        signed(&Ack::new(ME, Verdict::Taken, &numbers).vouching(Some(check)))
    }

    /// Over UDP; `lose`: whether this packet, counted from 0, or the answer to it is lost.
    pub(super) fn udp(&self, lose: impl Fn(usize) -> bool + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let this = self.clone();
        std::thread::spawn(move || {
            let mut packet = [0; 512];
            let mut count = 0;
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                let (lost, answer_lost) = (lose(2 * count), lose(2 * count + 1));
                count += 1;
                if lost {
                    continue;
                }
                let (message, wish) = datagram::read(&packet[..length]);
                let number = this.take(message);
                if answer_lost || wish == Wish::Quiet {
                    continue;
                }
                let _ = socket.send_to(&this.answer(number, wish), from);
            }
        });
        address
    }

    /// Over plain HTTP; gives back the address and how many posts came.
    pub(super) fn http(&self) -> (String, Arc<Mutex<usize>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let posts = Arc::new(Mutex::new(0));
        let (this, counted) = (self.clone(), Arc::clone(&posts));
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                *counted.lock().unwrap() += 1;
                this.answer_post(&mut stream);
            }
        });
        (address, posts)
    }

    pub(super) fn answer_post(&self, stream: &mut (impl Read + Write)) {
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        let (head, length) = loop {
            let read = stream.read(&mut piece).unwrap();
            bytes.extend(&piece[..read]);
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            assert!(head.starts_with("POST /v1/pings "), "{head}");
            let length: usize = head
                .to_lowercase()
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                .unwrap();
            break (end + 4, length);
        };
        while bytes.len() < head + length {
            let read = stream.read(&mut piece).unwrap();
            bytes.extend(&piece[..read]);
        }
        let mut numbers = Vec::new();
        let mut body = minicbor::Decoder::new(&bytes[head..]);
        while body.position() < length {
            numbers.push(self.take(body.bytes().unwrap()));
        }
        let ack = self.ack(Verdict::Taken, &numbers);
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            ack.len()
        )
        .unwrap();
        stream.write_all(&ack).unwrap();
        stream.flush().unwrap();
    }

    /// Waits until so many pings came: quiet ones are not answered.
    pub(super) fn wait_for(&self, pings: usize) -> Vec<u32> {
        let received = self.received.lock().unwrap();
        let came = self
            .came
            .wait_timeout_while(received, Duration::from_secs(30), |received| {
                received.order.len() < pings
            });
        let (received, _) = came.unwrap();
        received.order.iter().map(|(number, _)| *number).collect()
    }

    pub(super) fn numbers(&self) -> Vec<u32> {
        let received = self.received.lock().unwrap();
        received.order.iter().map(|(number, _)| *number).collect()
    }
}

/// An answer as the hub signs it.
pub(super) fn signed(ack: &Ack) -> Vec<u8> {
    let sealed = ack.seal(|bytes| hub_key().sign(bytes).to_bytes());
    sealed.unwrap().to_vec()
}
