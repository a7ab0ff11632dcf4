//! What is measured, in the order of the table.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

use crate::boxes::MadeUp;
use crate::capture::{Capture, Packet};
use crate::certificates::Certificates;
use crate::clinic::{Clinic, QUARTER};
use crate::network::{Network, PROVINCE};
use crate::node;
use crate::province::Province;
use crate::pushgateway::{Body, Pushgateway, samples};
use posto::health::datagram::QUIET_LIMIT;

const MONTH_DAYS: f64 = 30.0;
const PINGS_A_DAY: u64 = 96;
/// Of pings by UDP at 15 minutes in 30 days.
const LIMIT_MB: f64 = 0.6;
/// Routine pings that go without an answer, before the one whose answer speaks for them.
const QUIET: u64 = QUIET_LIMIT as u64;
/// Of a handshake (TLS 1.3, section 5.1).
const HANDSHAKE: u8 = 22;

fn days() -> u64 {
    std::env::var("POSTO_WIRE_DAYS").map_or(30, |text| text.parse().unwrap())
}

fn bytes(packets: &[Packet]) -> usize {
    packets.iter().map(|packet| packet.bytes).sum()
}

/// Megabytes of 30 days in which this is done with every ping.
fn each_ping(packets: &[Packet]) -> f64 {
    bytes(packets) as f64 * PINGS_A_DAY as f64 * MONTH_DAYS / 1e6
}

fn row(what: &str, packets: &[Packet], month_mb: Option<f64>, counted: Option<u64>) {
    let month = month_mb.map_or("".into(), |mb| format!("{mb:.2}"));
    let counted = counted.map_or("".into(), |bytes| bytes.to_string());
    println!(
        "| {what} | {} | {} | {month} | {counted} |",
        packets.len(),
        bytes(packets)
    );
}

/// Every ping went by in clear, signed as it was made, in packets of its own; how often one went again.
fn went_by_udp(packets: &[Packet], pings: &[Vec<u8>]) -> usize {
    let sent: Vec<&Packet> = packets.iter().filter(|packet| packet.from_clinic).collect();
    let mut next = sent.iter();
    for ping in pings {
        assert!(
            next.any(|packet| packet.holds(ping)),
            "a ping did not go by"
        );
    }
    sent.len() - pings.len()
}

/// Every ping went by, and none in clear: so many connections, each begun by a handshake.
fn went_by_tls(packets: &[Packet], connections: usize, body: &[Vec<u8>]) {
    let load: usize = packets.iter().map(|packet| packet.load.len()).sum();
    assert!(load > body.iter().map(Vec::len).sum());
    for part in body {
        assert!(
            !packets
                .iter()
                .any(|packet| packet.holds(&part[..40.min(part.len())]))
        );
    }
    let handshakes = packets.iter().filter(|packet| {
        packet.from_clinic && packet.load.starts_with(&[HANDSHAKE, 3]) && packet.load[5] == 1
    });
    assert_eq!(handshakes.count(), connections);
}

/// The sender's own count is what a budget is kept by: little less than it was where TCP sent again, nor much more.
fn is_counted(packets: &[Packet], counted: u64) {
    let seen = u64::try_from(bytes(packets)).unwrap();
    assert!(
        (seen * 9 / 10..=seen * 5 / 4 + 500).contains(&counted),
        "{seen} bytes went by, {counted} were counted"
    );
}

#[test]
#[ignore = "figures: ./check bench runs them"]
fn what_pings_cost_on_the_wire() {
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    let directory = directory.unwrap();
    let directory = directory.path();
    let network = Network::new();
    let certificates = Certificates::make(directory);
    let boxes: Vec<MadeUp> = (0..6).map(MadeUp::new).collect();
    let province = Province::start(&network, &certificates, directory, &boxes);
    let mut capture = Capture::start(&network, directory);
    println!(
        "certificates of {} (server) and {} bytes (client), each signed by the authority itself\n\n\
         | what | packets | bytes on the wire | MB in 30 days at 15 min | by the sender's own count |\n|---|---|---|---|---|",
        certificates.server.bytes, certificates.client.bytes
    );
    let clinic =
        |at: usize| Clinic::new(&network, &boxes[at], directory, &province.in_facility_files);
    pings_by_udp(clinic(0).without_https(), &province, &mut capture);
    pings_by_https(clinic(1).without_udp(), &province, &mut capture);
    many_by_https(clinic(2), &province, &mut capture);
    let deaf = network
        .province
        .inside(|| UdpSocket::bind((PROVINCE, 0)).unwrap());
    let deaf = deaf.local_addr().unwrap();
    udp_in_vain(clinic(3).with_udp(deaf), &province, &mut capture);
    one_lost(clinic(5).without_https(), deaf, &province, &mut capture);
    a_month_by_udp(clinic(4), &province, &mut capture);
    let gateway = Pushgateway::start(&network, &certificates, directory);
    let facts = province.metrics(&network, &boxes[0].facility);
    posts(&gateway, &facts, &mut capture);
    capture.end();
}

fn pings_by_udp(mut clinic: Clinic, province: &Province, capture: &mut Capture) {
    clinic.quarters(1);
    let packets = capture.take();
    assert_eq!(went_by_udp(&packets, &clinic.pings), 0);
    assert!(packets.len() == 2 && clinic.waiting() == 0);
    row("the first ping by UDP", &packets[..1], None, None);
    row("its answer", &packets[1..], None, None);
    let mut all = bytes(&packets);
    clinic.quarters(QUIET);
    let packets = capture.take();
    assert_eq!(went_by_udp(&packets, &clinic.pings[1..]), 0);
    assert!(packets.len() as u64 == QUIET && clinic.waiting() == QUIET);
    all += bytes(&packets);
    row("five more, not answered", &packets, None, None);
    clinic.quarters(1);
    let packets = capture.take();
    assert_eq!(went_by_udp(&packets, &clinic.pings[6..]), 0);
    assert!(packets.len() == 2 && clinic.waiting() == 0);
    all += bytes(&packets);
    row("one more", &packets[..1], None, None);
    row("its answer, for all six", &packets[1..], None, None);
    assert_eq!(clinic.counted, u64::try_from(all).unwrap());
    assert_eq!(province.kept(0), (1..=7).collect::<Vec<u32>>());
}

fn pings_by_https(mut clinic: Clinic, province: &Province, capture: &mut Capture) {
    clinic.quarters(1);
    let packets = capture.take();
    went_by_tls(&packets, 1, &clinic.pings);
    is_counted(&packets, clinic.counted);
    assert!(clinic.waiting() == 0);
    let what = "a ping by HTTPS: connection, handshake, answer, end";
    row(
        what,
        &packets,
        Some(each_ping(&packets)),
        Some(clinic.counted),
    );
    clinic.counted = 0;
    clinic.quarters(PINGS_A_DAY);
    let packets = capture.take();
    went_by_tls(&packets, 96, &clinic.pings[1..]);
    is_counted(&packets, clinic.counted);
    let month_mb = bytes(&packets) as f64 * MONTH_DAYS / 1e6;
    row(
        "a day of routine pings by HTTPS",
        &packets,
        Some(month_mb),
        Some(clinic.counted),
    );
    assert!(clinic.waiting() == 0 && province.kept(1).len() == 97);
}

fn many_by_https(mut clinic: Clinic, province: &Province, capture: &mut Capture) {
    for _ in 0..200 {
        clinic.ping();
    }
    clinic.wait(QUARTER);
    let packets = capture.take();
    went_by_tls(&packets, 1, &clinic.pings);
    is_counted(&packets, clinic.counted);
    assert!(clinic.waiting() == 0 && province.kept(2).len() == 200);
    row(
        "200 pings in one HTTPS post",
        &packets,
        None,
        Some(clinic.counted),
    );
}

fn udp_in_vain(mut clinic: Clinic, province: &Province, capture: &mut Capture) {
    clinic.quarters(1);
    let packets = capture.take();
    let sent = packets
        .iter()
        .filter(|packet| packet.holds(&clinic.pings[0]));
    assert_eq!(sent.count(), 3);
    is_counted(&packets, clinic.counted);
    assert!(clinic.waiting() == 0 && province.kept(3) == [1]);
    let what = "a ping three times by UDP in vain, then by HTTPS";
    row(
        what,
        &packets,
        Some(each_ping(&packets)),
        Some(clinic.counted),
    );
}

/// Of thirteen pings the third is lost on its way to the hub.
fn one_lost(mut clinic: Clinic, deaf: SocketAddr, province: &Province, capture: &mut Capture) {
    clinic.quarters(2);
    let there = province.in_facility_files.udp.unwrap();
    clinic = clinic.with_udp(deaf);
    clinic.quarters(1);
    clinic = clinic.with_udp(there);
    clinic.quarters(10);
    let packets = capture.take();
    went_by_udp(&packets, &clinic.pings);
    assert_eq!(clinic.counted, u64::try_from(bytes(&packets)).unwrap());
    assert_eq!(province.kept(5), (1..=13).collect::<Vec<u32>>());
    row(
        "13 pings by UDP, the third lost (without a loss: 16 packets)",
        &packets,
        None,
        Some(clinic.counted),
    );
}

fn a_month_by_udp(mut clinic: Clinic, province: &Province, capture: &mut Capture) {
    let count = days() * PINGS_A_DAY;
    clinic.quarters(count);
    let packets = capture.take();
    let again = went_by_udp(&packets, &clinic.pings);
    assert_eq!(clinic.counted, u64::try_from(bytes(&packets)).unwrap());
    // The last ones still wait for the answer that speaks for them.
    assert!(clinic.waiting() <= QUIET);
    assert_eq!(province.kept(4).len() as u64, count);
    let month_mb = bytes(&packets) as f64 / days() as f64 * MONTH_DAYS / 1e6;
    let what = format!(
        "{} days of routine pings by UDP, {count} ({again} went again)",
        days()
    );
    row(&what, &packets, Some(month_mb), Some(clinic.counted));
    assert!(month_mb <= LIMIT_MB, "{month_mb} MB a month");
}

fn posts(gateway: &Pushgateway, facts: &str, capture: &mut Capture) {
    let node = node::metrics();
    assert!(samples(facts) > 15 && node.len() > 11_000);
    // Before anything is measured: who has no certificate is not heard.
    assert!(!gateway.hears_strangers());
    for (name, text) in [
        ("what a ping says", facts),
        ("a node exporter's text", &node),
    ] {
        for (packed, body) in [("", Body::plain(text)), (", gzip", Body::packed(text))] {
            let instance = format!("cs-{}", body.bytes.len());
            let http = gateway.post(&instance, &body);
            let packets = capture.take();
            went_by_tls(&packets, 1, std::slice::from_ref(&body.bytes));
            assert_eq!(gateway.shows(&instance), samples(text) + 2);
            let what = format!(
                "Pushgateway, mutual TLS, HTTP/{http}: {name}, {} figures, {} bytes{packed}",
                samples(text),
                body.bytes.len()
            );
            row(&what, &packets, Some(each_ping(&packets)), None);
        }
    }
}
