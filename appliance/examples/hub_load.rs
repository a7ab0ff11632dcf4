//! How many pings a hub takes: `cargo run --release -p posto --example hub_load -- [boxes] [rounds] [frames a second]`.
//!
//! Made-up boxes with keys of their own sign real frames beforehand; the hub runs as a process of its own (its memory is read from
//! `/proc`), everything goes over loopback. First as fast as it goes (at most 512 frames without an answer), then at a given rate.
//! Each answer's numbers are compared with what was sent; one in fifty is verified with the hub's key.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ed25519_dalek::VerifyingKey;
use posto::health::ack::Ack;
use posto::health::cose::KeyId;
use posto::health::frame::{Clock, Door, Frame, Proof, Smart, State, Tri};
use posto::hub::role::{self, Options};
use posto::hub::store::Store;
use posto::texts::Language;

#[allow(dead_code, reason = "the tests use more of them")]
#[path = "../tests/hub/boxes.rs"]
mod boxes;

use boxes::{MadeUp, to};

/// Frames under way in the first part.
const WINDOW: usize = 512;
/// A frame that was not answered is sent again after so long.
const AGAIN: Duration = Duration::from_millis(1500);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == "hub") {
        return hub(&arguments[1]);
    }
    let number = |at: usize, or: usize| arguments.get(at).map_or(or, |word| word.parse().unwrap());
    let (count, rounds, rate) = (number(0, 10_000), number(1, 3), number(2, 500));
    let dir =
        tempfile::tempdir_in(std::env::var_os("POSTO_HUB_DATA").unwrap_or(".".into())).unwrap();
    println!("{count} boxes, keys and frames are made ...");
    let boxes: Vec<MadeUp> = (0..u32::try_from(count).unwrap())
        .map(MadeUp::new)
        .collect();
    let hellos: Vec<_> = boxes.iter().map(|made_up| made_up.says(0)).collect();
    Store::open(dir.path())
        .unwrap()
        .add_approved(&hellos, "load", 1)
        .unwrap();
    let public = posto::hub::key::ensure(dir.path()).unwrap().verifying_key();
    let (mut child, address) = start(dir.path());
    println!("hub started: {}", memory(&child));
    let mut sequence = 1;
    for _ in 0..rounds {
        let frames = signed(&boxes, sequence);
        let socket = socket(&address);
        let began = Instant::now();
        let times = send(&socket, &boxes, &frames, sequence, &public, None);
        report("as fast as it goes", times, began.elapsed(), &child);
        sequence += 1;
    }
    let frames = signed(&boxes, sequence);
    let socket = socket(&address);
    let began = Instant::now();
    let times = send(&socket, &boxes, &frames, sequence, &public, Some(rate));
    report(
        &format!("at {rate} frames/s"),
        times,
        began.elapsed(),
        &child,
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let kept: usize = (1..=count)
        .map(|id| store.sequences(i64::try_from(id).unwrap()).unwrap().len())
        .sum();
    println!(
        "kept after SIGKILL: {kept} of {} acknowledged",
        count * (rounds + 1)
    );
    assert_eq!(kept, count * (rounds + 1));
}

fn hub(data: &str) {
    let any = "127.0.0.1:0".parse().unwrap();
    let options = Options {
        data: data.into(),
        listen: any,
        pings: any,
        webhook: None,
        life: None,
        time_zone: "UTC".to_string(),
        language: Language::En,
    };
    role::run(options, |at| println!("{}", at.pings)).unwrap();
}

fn start(data: &std::path::Path) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("hub")
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, line.trim().to_string())
}

fn socket(address: &str) -> Arc<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    Arc::new(socket)
}

fn signed(boxes: &[MadeUp], sequence: u32) -> Vec<Vec<u8>> {
    let of = |made_up: &MadeUp| made_up.frame(sequence, say_everything);
    boxes.iter().map(of).collect()
}

/// As a working box says it: nothing is left out.
fn say_everything(frame: &mut Frame) {
    *frame = Frame {
        boot: Some(40),
        state: State {
            door: Door::Open,
            openmrs: Tri::Yes,
            database: Tri::Yes,
            smart: Smart::Good,
            proof: Proof::Good,
            clock: Clock::Synchronised,
            ..State::default()
        },
        release_built_s: Some(1_793_000_000),
        openmrs_since_min: Some(600),
        last_start_s: Some(95),
        encounter_age_min: Some(7),
        encounters_today: Some(61),
        snapshot_age_min: Some(30),
        copy_age_h: Some(20),
        journal_days_behind: Some(1),
        budget_left_mb: Some(40),
        disk_used_percent: Some(37),
        disk_free_gb: Some(120),
        inodes_used_percent: Some(3),
        wear_percent: Some(4),
        memory_pressure_percent: Some(2),
        temperature_c: Some(51),
        unclean_boots: Some(12),
        alarm: None,
        ..*frame
    };
}

/// Sends all frames and waits until each was answered; the time of each from its first sending.
fn send(
    socket: &Arc<UdpSocket>,
    boxes: &[MadeUp],
    frames: &[Vec<u8>],
    sequence: u32,
    hub: &VerifyingKey,
    rate: Option<usize>,
) -> Vec<Duration> {
    let by_id = boxes
        .iter()
        .enumerate()
        .map(|(at, made_up)| (made_up.id, at));
    let by_id: HashMap<KeyId, usize> = by_id.collect();
    let begun: Arc<Mutex<Vec<Option<Instant>>>> = Arc::new(Mutex::new(vec![None; frames.len()]));
    let took: Arc<Mutex<Vec<Option<Duration>>>> = Arc::new(Mutex::new(vec![None; frames.len()]));
    let answered = Arc::new(AtomicUsize::new(0));
    let reader = {
        let (socket, begun, took) = (Arc::clone(socket), Arc::clone(&begun), Arc::clone(&took));
        let (answered, hub, count) = (Arc::clone(&answered), *hub, frames.len());
        std::thread::spawn(move || {
            let mut buffer = [0u8; 256];
            while answered.load(Ordering::Relaxed) < count {
                let Ok(length) = socket.recv(&mut buffer) else {
                    continue;
                };
                let now = Instant::now();
                let at = by_id[&to(&buffer[..length])];
                if at.is_multiple_of(50) {
                    assert!(
                        Ack::verify(&buffer[..length], &hub)
                            .unwrap()
                            .names(sequence)
                    );
                }
                let mut took = took.lock().unwrap();
                if took[at].is_none() {
                    took[at] = Some(now - begun.lock().unwrap()[at].unwrap());
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    };
    let start = Instant::now();
    for (at, frame) in frames.iter().enumerate() {
        match rate {
            Some(rate) => {
                let due = start + Duration::from_secs_f64(at as f64 / rate as f64);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            None => {
                let waited = Instant::now();
                while at.saturating_sub(answered.load(Ordering::Relaxed)) >= WINDOW
                    && waited.elapsed() < AGAIN
                {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        }
        begun.lock().unwrap()[at] = Some(Instant::now());
        socket.send(frame).unwrap();
    }
    while answered.load(Ordering::Relaxed) < frames.len() {
        std::thread::sleep(AGAIN);
        let took = took.lock().unwrap().clone();
        for (frame, _) in frames.iter().zip(took).filter(|(_, took)| took.is_none()) {
            socket.send(frame).unwrap();
        }
    }
    reader.join().unwrap();
    let took = took.lock().unwrap();
    took.iter().map(|took| took.unwrap()).collect()
}

fn report(what: &str, mut times: Vec<Duration>, whole: Duration, child: &Child) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{what}: {} accepted in {:.1} s = {:.0}/s; p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms; {}",
        times.len(),
        whole.as_secs_f64(),
        times.len() as f64 / whole.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
        memory(child)
    );
}

fn memory(child: &Child) -> String {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            / 1024
    };
    format!("RSS {} MB (most {} MB)", line("VmRSS"), line("VmHWM"))
}
