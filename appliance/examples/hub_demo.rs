//! A made-up province for looking at the hub's pages: `cargo run -p posto --example hub_demo -- DIR [sites]`, then
//! `posto hub --data DIR`. All names are made up of districts' names; no figure is a real facility's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use ed25519_dalek::{Signer, SigningKey};
use posto::health::alarm_code::TABLE;
use posto::health::frame::{Clock, Door, Frame, Proof, Smart, State, Tri};
use posto::health::hello::{Hello, fitting};
use posto::hub::store::{Arrived, Kind, Place, Store, key_id};

const DISTRICTS: &[(&str, &str)] = &[
    ("Zambézia", "Mocuba"),
    ("Zambézia", "Namacurra"),
    ("Zambézia", "Nicoadala"),
    ("Zambézia", "Maganja da Costa"),
    ("Zambézia", "Gurúè"),
    ("Zambézia", "Quelimane"),
    ("Zambézia", "Pebane"),
    ("Nampula", "Angoche"),
    ("Nampula", "Monapo"),
    ("Nampula", "Nacala"),
    ("Nampula", "Ribáuè"),
    ("Sofala", "Dondo"),
    ("Sofala", "Nhamatanda"),
    ("Sofala", "Caia"),
    ("Manica", "Gondola"),
    ("Manica", "Sussundenga"),
    ("Tete", "Moatize"),
    ("Tete", "Angónia"),
    ("Gaza", "Chókwè"),
    ("Gaza", "Bilene"),
    ("Inhambane", "Massinga"),
    ("Inhambane", "Zavala"),
    ("Niassa", "Cuamba"),
    ("Cabo Delgado", "Montepuez"),
];
const RELEASES: &[(&str, u32)] = &[
    ("2026.11-1", 1_793_000_000),
    ("2026.10-2", 1_791_000_000),
    ("2026.10-1", 1_790_000_000),
    ("2026.09-1", 1_788_000_000),
];
/// Sites with a history of a week; the others have their newest frame alone.
const STORIES: usize = 8;
const QUARTER_S: u64 = 900;

/// The same province each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir: std::path::PathBuf = arguments.next().expect("hub_demo DIR [sites]").into();
    let sites: usize = arguments.next().map_or(1_232, |word| word.parse().unwrap());
    let now_s = posto::system::clock::unix_seconds();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut store = Store::open(&dir).unwrap();
    let (mut places, mut hellos, mut frames) = (Vec::new(), Vec::new(), Vec::new());
    let mut silent = Vec::new();
    for at in 0..sites {
        let (province, district) = DISTRICTS[at % DISTRICTS.len()];
        let number = at / DISTRICTS.len() + 1;
        let name = if number == 1 {
            format!("Hospital Rural de {district}")
        } else {
            format!("Centro de Saúde {district} {number}")
        };
        let id = format!("cs-{at:04}");
        places.push(Place {
            facility: id.clone(),
            name: name.clone(),
            district: district.into(),
            province: province.into(),
        });
        // Some on the list have no box yet.
        if at % 60 == 59 {
            continue;
        }
        let release = RELEASES[[0, 0, 0, 0, 0, 0, 1, 1, 2, 3][random.below(10) as usize]];
        let key = key(at as u64);
        let hello = hello(&key, &id, &name, release);
        hellos.push(hello);
        let box_id = hellos.len() as i64;
        let told = story(&mut random, at, box_id, &key, release.1, now_s);
        if told
            .last()
            .is_some_and(|last| last.received_s + 3_000 < now_s)
        {
            silent.push(id);
        }
        frames.extend(told);
    }
    store.set_places(&places).unwrap();
    store
        .add_approved(&hellos, "demo", now_s - 40 * 86_400)
        .unwrap();
    for some in frames.chunks(2_000) {
        store.keep(some).unwrap();
    }
    // As if a hub had been running: who has been silent for long was noticed.
    let notices: Vec<_> = silent
        .iter()
        .map(|site| (site.as_str(), Kind::Silent, None))
        .collect();
    store.note(&notices, now_s).unwrap();
    // Two unknown boxes: one for a site without a box, one in place of another.
    for (seed, site) in [(1_000_000, 59), (1_000_001, 3)] {
        let hello = hello(
            &key(seed),
            &format!("cs-{site:04}"),
            &places[site].name,
            RELEASES[0],
        );
        store.hear(&hello, now_s - 7_200).unwrap();
    }
    println!("{sites} sites, {} frames", frames.len());
}

fn key(seed: u64) -> SigningKey {
    let mut secret = [5u8; 32];
    secret[..8].copy_from_slice(&seed.to_le_bytes());
    SigningKey::from_bytes(&secret)
}

fn hello(key: &SigningKey, facility: &str, name: &str, release: (&str, u32)) -> Hello {
    Hello {
        sequence: 1,
        key: key.verifying_key(),
        facility: fitting(facility),
        name: fitting(name),
        release: fitting(release.0),
        release_built_s: release.1,
    }
}

fn story(
    random: &mut Random,
    at: usize,
    box_id: i64,
    key: &SigningKey,
    built_s: u32,
    now_s: u64,
) -> Vec<Arrived> {
    let quarters = if at < STORIES { 7 * 96 } else { 1 };
    let is_silent = random.percent(4);
    let ends_s = now_s
        - if is_silent {
            3_600 + random.below(9 * 86_400)
        } else {
            random.below(QUARTER_S)
        };
    let alarm = random.percent(11).then(|| {
        // Danger is rare.
        let from = if random.percent(20) { 0 } else { 18 };
        TABLE[from + random.below((TABLE.len() - from) as u64) as usize].number
    });
    let span = if random.percent(5) { 75 } else { 45 };
    let disk = 20 + random.below(span) as u8;
    let copy_h = if random.percent(6) {
        200 + random.below(400)
    } else {
        random.below(30)
    } as u16;
    let down = random.percent(1);
    let patients = 20 + random.below(120) as u16;
    (0..quarters)
        .map(|quarter| {
            let back = (quarters - 1 - quarter) as u64;
            let at_s = ends_s - back * QUARTER_S;
            let hour = (at_s + 7_200) % 86_400 / 3_600;
            let night = back % 480 > 470 && at.is_multiple_of(2);
            let frame = Frame {
                sequence: quarter as u32 + 2,
                boot: Some(60),
                at_unix_s: u32::try_from(at_s).unwrap(),
                state: State {
                    door: Door::Open,
                    openmrs: if down || night { Tri::No } else { Tri::Yes },
                    database: Tri::Yes,
                    smart: if alarm == Some(5) {
                        Smart::Failing
                    } else {
                        Smart::Good
                    },
                    proof: Proof::Good,
                    clock: Clock::Synchronised,
                    ..State::default()
                },
                release_built_s: Some(built_s),
                openmrs_since_min: Some(600),
                last_start_s: Some(80 + random.below(40) as u16),
                encounter_age_min: Some(3 + random.below(60) as u16),
                encounters_today: Some(match hour {
                    0..7 => 0,
                    7..17 => patients * (hour as u16 - 6) / 10,
                    _ => patients,
                }),
                snapshot_age_min: Some(
                    random.below(60) as u16 + if at % 90 == 7 { 2_000 } else { 0 },
                ),
                copy_age_h: Some(copy_h.saturating_add(quarter as u16 / 4 % 24)),
                journal_days_behind: Some(random.below(3) as u8),
                budget_left_mb: Some(20 + random.below(80) as u16),
                disk_used_percent: Some(disk + (quarter / 200) as u8),
                disk_free_gb: Some(40 + random.below(300) as u16),
                inodes_used_percent: Some(2),
                wear_percent: Some(random.below(30) as u8),
                memory_pressure_percent: Some(random.below(6) as u8),
                temperature_c: Some((43 + hour.abs_diff(14).abs_diff(12) + random.below(3)) as u8),
                unclean_boots: Some(random.below(90) as u16),
                alarm: alarm.filter(|_| back < 30),
            };
            let id = key_id(&key.verifying_key());
            let bytes = frame.seal(id, |bytes| key.sign(bytes).to_bytes()).unwrap();
            Arrived {
                box_id,
                key_id: id,
                thinned_to: 0,
                frame,
                bytes: bytes.as_slice().into(),
                received_s: at_s,
            }
        })
        .filter(|arrived| {
            // An evening without power.
            let hour = (arrived.received_s + 7_200) % 86_400 / 3_600;
            quarters == 1 || at != 2 || (6..20).contains(&hour)
        })
        .collect()
}
