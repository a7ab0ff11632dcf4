//! Faults that only a whole machine can have: a disk that refuses writes, a kernel panic, a hung machine.
//!
//! `POSTO_RELEASE_DIR=<release> cargo test -p posto-tests --test qemu_faults -- --test-threads=1 --nocapture`
//!
//! Clerks work all the time; what the box acknowledged to them must be there once it serves again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's steps fail by panicking, with the error in the message"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use posto_tests::powercut::lookup::missing;
use posto_tests::powercut::{Ledger, Writers};
use posto_tests::qemu::site::{ANSWER_LIMIT, BOOT_LIMIT, OPEN_LIMIT};
use posto_tests::qemu::{Machine, Site};
use posto_tests::standin::Clinic;
use posto_tests::{http, release, wait};

/// The kernel's own watchdogs and the hardware's one together.
const HANG_LIMIT: Duration = Duration::from_secs(300);
/// How long a box with a disk that refuses writes is looked at.
const REFUSAL_WATCHED: Duration = Duration::from_secs(180);
const WRITERS: usize = 2;
const GRUB: &str = "GRUB: slot a mode normal";
/// An instruction that does not exist.
const UD2: &[u8] = &[0x0f, 0x0b];
/// Interrupts off, then a jump to itself.
const CLI_AND_SPIN: &[u8] = &[0xfa, 0xeb, 0xfe];

/// A box that serves, with clerks at work.
struct Ground {
    machine: Option<Machine>,
    writers: Option<Writers>,
    site: Site,
    clinic: Clinic,
    ledger: Arc<Ledger>,
    begun: Instant,
}

impl Ground {
    fn new(name: &str) -> Self {
        let image = release::disk_image().unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let site = Site::new(&folder, &image).unwrap();
        let machine = site.start().unwrap();
        let begun = Instant::now();
        site.wait_for_open_door(OPEN_LIMIT).unwrap();
        let clinic = site.admin(OPEN_LIMIT).unwrap();
        let ledger = Arc::new(Ledger::new(&folder.join("acknowledged")).unwrap());
        let mut ground = Self {
            writers: None,
            machine: Some(machine),
            site,
            clinic,
            ledger,
            begun,
        };
        ground.say("the box serves");
        ground.work();
        ground
    }

    /// Sets the clerks to work.
    fn work(&mut self) {
        let before = self.ledger.count();
        self.writers = Some(Writers::start(&self.clinic, &self.ledger, WRITERS));
        wait::until("some acknowledged records", BOOT_LIMIT, || {
            Ok((self.ledger.count() > before + 20).then_some(()))
        })
        .unwrap();
    }

    fn say(&self, what: &str) {
        println!("{:5} s: {what}", self.begun.elapsed().as_secs());
    }

    fn machine(&mut self) -> &mut Machine {
        self.machine.as_mut().unwrap()
    }

    fn wait_for(&mut self, said: &str, bound: Duration) {
        self.machine().wait_for(said, bound).unwrap();
        self.say(&format!("the machine says: {said}"));
    }

    /// Puts `code` into the running kernel, on `at_least` so many processors.
    fn plant(&mut self, code: &[u8], at_least: usize) {
        let machine = self.machine.as_ref().unwrap();
        wait::until("a moment in the kernel", BOOT_LIMIT, || {
            let planted = machine.debugger()?.plant_in_kernel(code, at_least)?;
            Ok(planted.then_some(()))
        })
        .unwrap();
        self.say(&format!(
            "the fault, with {} records acknowledged",
            self.ledger.count()
        ));
    }

    /// Waits until records are acknowledged again, then looks for all of them.
    fn check(&mut self) {
        self.site.wait_for_open_door(OPEN_LIMIT).unwrap();
        let before = self.ledger.count();
        wait::until("acknowledged records again", BOOT_LIMIT, || {
            Ok((self.ledger.count() > before).then_some(()))
        })
        .unwrap();
        self.say("records are acknowledged again");
        self.writers.take();
        let all = self.ledger.since(0);
        let uuids: Vec<&str> = all.iter().map(String::as_str).collect();
        let lost = missing(&self.clinic, &uuids, OPEN_LIMIT).unwrap();
        self.say(&format!(
            "{} acknowledged, {} lost, {} unanswered",
            all.len(),
            lost.len(),
            self.ledger.unanswered()
        ));
        assert_eq!(lost, [""; 0]);
    }
}

#[test]
fn a_kernel_panic_and_a_hung_kernel_end_in_a_restart_by_themselves() {
    let mut ground = Ground::new("panic-and-hang");
    ground.machine().serial.forget();
    ground.plant(UD2, 1);
    ground.wait_for("Kernel panic", BOOT_LIMIT);
    ground.wait_for(GRUB, BOOT_LIMIT);
    ground.check();

    ground.work();
    ground.machine().serial.forget();
    // Both processors: no timer, no interrupt, no scheduler. Only the watchdog of the chipset is left.
    ground.plant(CLI_AND_SPIN, 2);
    ground.wait_for(GRUB, HANG_LIMIT);
    ground.check();
}

/// The answer of the login page, as a word.
fn answer(site: &Site) -> String {
    let url = format!("{}/openmrs/login.htm", site.url());
    match http::get(&url, ANSWER_LIMIT) {
        Ok(answer) => answer.status.to_string(),
        Err(_) => "no answer".to_owned(),
    }
}

#[test]
fn a_disk_that_refuses_writes_shuts_the_clinic_and_costs_no_acknowledged_record() {
    let mut ground = Ground::new("disk-errors");
    ground.machine().serial.forget();
    ground.machine().refuse_disk_writes().unwrap();
    let fault = Instant::now();
    ground.say(&format!(
        "the disk refuses writes, with {} records acknowledged",
        ground.ledger.count()
    ));
    let mut last = String::new();
    wait::until("the end of the watch", BOOT_LIMIT, || {
        let now = format!(
            "login page: {}, {} records acknowledged",
            answer(&ground.site),
            ground.ledger.count()
        );
        if now != last {
            println!(
                "        {:.1} s after the fault: {now}",
                fault.elapsed().as_secs_f64()
            );
            last = now;
        }
        Ok((fault.elapsed() > REFUSAL_WATCHED).then_some(()))
    })
    .unwrap();
    let said = ground.machine().serial.so_far().to_owned();
    println!("the machine said:\n{said}");
    assert_ne!(
        answer(&ground.site),
        "200",
        "a box that cannot write shows a login page"
    );
    // The fault is gone, and somebody switches off and on.
    ground.machine.take().unwrap().power_off().unwrap();
    ground.machine = Some(ground.site.start().unwrap());
    ground.say("switched off and on, the disk writes again");
    ground.check();
}
