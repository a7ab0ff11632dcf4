//! Copies of snapshots on USB sticks, made by the image's own kernel and units: each file system that a stick may have, the oldest
//! leaving, a stick pulled in the middle, one that is full, one that is protected. What was copied is opened here with stock tools.
//!
//! `POSTO_RELEASE_DIR=<release> cargo test -p posto-tests --test qemu_copies -- --nocapture` (packages age, zstd, mtools, dosfstools,
//! exfatprogs, exfat-fuse)

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use posto_tests::command::{ask, run};
use posto_tests::qemu::site::OPEN_LIMIT;
use posto_tests::qemu::{Hand, Machine, Site, Stick};
use posto_tests::{copy, release, wait};
use serde_json::Value;

/// One command inside, in emulation on a loaded machine.
const COMMAND: Duration = Duration::from_secs(300);
/// A copy: the daemon looks every five minutes; a large one takes minutes in emulation.
const COPY: Duration = Duration::from_secs(1200);
const FAT: [&str; 4] = ["mkfs.vfat", "-F32", "-n", "POSTOCOPIES"];
const EXFAT: [&str; 3] = ["mkfs.exfat", "-L", "POSTOCOPIES"];
const EXT4: [&str; 6] = ["mkfs.ext4", "-q", "-m", "0", "-L", "POSTOCOPIES"];
const STICK_BYTES: u64 = 2 << 30;
/// Noise in OpenMRS's files, so that a copy has three pieces of 256 MiB.
const LARGE_MIB: u32 = 560;
const FACILITY: &str = r#"id = "posto-um"
name = "Posto Um"
time_zone = "Africa/Maputo"
language = "pt"
[network]
dhcp = true
[copies]
to = "usb"
keep = 2
"#;

/// The box, switched on, with a hand inside.
struct Box<'a> {
    machine: Machine,
    hand: Hand,
    folder: &'a Path,
}

impl Box<'_> {
    fn run(&mut self, command: &str) -> Result<String> {
        self.hand.run_within(command, COMMAND)
    }

    fn stick(&self, name: &str, bytes: u64, mkfs: &[&str]) -> Result<Stick> {
        Stick::format(self.folder, name, bytes, mkfs)
    }

    /// Plugs it in and waits until the box knows it by its label.
    fn plug(&mut self, stick: &Stick, protected: bool) -> Result<()> {
        self.machine.plug(stick, protected)?;
        self.run("udevadm wait --timeout=240 /dev/disk/by-label/POSTOCOPIES")
            .map(drop)
    }

    fn pull(&mut self, stick: &Stick) -> Result<()> {
        self.machine.pull(stick)?;
        self.run("udevadm wait --timeout=240 --removed /dev/disk/by-label/POSTOCOPIES")
            .map(drop)
    }

    /// A proven snapshot of now.
    fn snapshot(&mut self) -> Result<u64> {
        let taken = self.run("posto snapshot take --json 2>/dev/null")?;
        let taken: Value = serde_json::from_str(&taken).context(taken)?;
        let id = taken.pointer("/snapshot/id").and_then(Value::as_u64);
        let id = id.context("no number")?;
        self.run(&format!("posto snapshot verify {id}"))?;
        Ok(id)
    }

    /// Runs the unit; whether it ended well, and what it said.
    fn copy(&mut self) -> Result<(bool, String)> {
        let begun = Instant::now();
        let ended = self
            .hand
            .ask_within("systemctl start posto-copy.service", COPY)?;
        let said = self.said()?;
        println!(
            "after {:.0} s: {}",
            begun.elapsed().as_secs_f64(),
            said.trim()
        );
        Ok((ended.code == 0, said))
    }

    /// What the unit said since this was last asked. Not by its invocation: a unit that is over may be forgotten with it.
    fn said(&mut self) -> Result<String> {
        self.run(
            "journalctl --sync; journalctl -q -o cat --no-pager --cursor-file=/run/copy-cursor \
             -u posto-copy.service",
        )
    }

    /// The unit's copy of snapshot `id`, which must end well.
    fn copies(&mut self, id: u64) -> Result<()> {
        let (well, said) = self.copy()?;
        ensure!(
            well && said.contains(&format!("-{id:06}-")),
            "snapshot {id}: {said}"
        );
        let there = self
            .hand
            .ask_within("findmnt -n /run/posto/copies-disk", COMMAND)?;
        ensure!(
            there.out.is_empty(),
            "the stick is still mounted: {}",
            there.out
        );
        Ok(())
    }
}

/// What lies on a stick that no machine has, copied out of it.
fn contents(stick: &Stick, mkfs: &[&str]) -> Result<PathBuf> {
    let out = stick.path().with_extension("out");
    std::fs::create_dir(&out)?;
    let (image, to) = (stick.path().as_os_str(), out.as_os_str());
    if mkfs == FAT {
        // This machine's kernel may have no FAT.
        run(&[
            "mcopy".as_ref(),
            "-s".as_ref(),
            "-n".as_ref(),
            "-i".as_ref(),
            image,
            "::/".as_ref(),
            to,
        ])?;
        return Ok(out);
    }
    let at = tempfile::Builder::new().prefix("posto-stick").tempdir()?;
    let device = run(&[
        "losetup".as_ref(),
        "--find".as_ref(),
        "--show".as_ref(),
        "--read-only".as_ref(),
        image,
    ])?;
    let device = device.trim();
    let mount: &[&str] = if mkfs == EXFAT {
        &["mount.exfat-fuse", "-o", "ro"]
    } else {
        &["mount", "-t", "ext4", "-o", "ro,noload"]
    };
    let mounted = at.path().to_str().context("path")?;
    let copied = run(&[mount, &[device, mounted]].concat()).and_then(|_| {
        let copied = run(&["cp".as_ref(), "-rT".as_ref(), at.path().as_os_str(), to]);
        run(&["umount", mounted])?;
        copied
    });
    run(&["losetup", "--detach", device])?;
    copied?;
    Ok(out)
}

/// The names of whole copies in a folder, oldest first.
fn whole(folder: &Path) -> Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.retain(|name| name.ends_with(".posto"));
    names.sort();
    Ok(names)
}

fn of(names: &[String]) -> Vec<u64> {
    let number = |name: &String| name.split('-').rev().nth(2)?.parse().ok();
    names.iter().filter_map(number).collect()
}

/// Opens a copy with stock tools and compares it with the snapshot that it is of.
fn is_whole(made: &Path, data: &Path, id: u64) -> Result<()> {
    let out = made.with_extension("opened");
    let key = data.join("secrets/recovery-identity");
    copy::opened(made, &key, &out)?;
    for part in ["database", "openmrs"] {
        let original = data.join(format!("snapshots/{id:06}")).join(part);
        let differs = ask(&[
            "diff".as_ref(),
            "-r".as_ref(),
            original.as_os_str(),
            out.join(part).as_os_str(),
        ])?;
        ensure!(
            differs.code == 0,
            "{}: {}{}",
            made.display(),
            differs.out,
            differs.err
        );
    }
    std::fs::remove_dir_all(out)?;
    println!("{} is snapshot {id}, whole", made.display());
    Ok(())
}

#[test]
fn copies_go_to_sticks_of_every_kind_and_outlive_a_pull_in_the_middle() -> Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("copies");
    let site = Site::new(&folder, &release::disk_image()?)?;
    let mut machine = site.start()?;
    site.wait_for_open_door(OPEN_LIMIT)?;
    let hand = Hand::open(&site, &mut machine)?;
    let mut site_box = Box {
        machine,
        hand,
        folder: &folder,
    };
    let this = &mut site_box;

    // The first one is the daemon's own doing, as soon as the facility file wants copies.
    let fat = this.stick("fat", STICK_BYTES, &FAT)?;
    this.plug(&fat, false)?;
    let first = this.snapshot()?;
    this.hand
        .write(Path::new("/data/posto/facility.toml"), FACILITY)?;
    let begun = Instant::now();
    wait::until("the daemon's copy", COPY, || {
        let record = this
            .hand
            .ask_within("grep '\"name\"' /data/posto/copied.json", COMMAND)?;
        Ok((record.code == 0).then(|| {
            println!(
                "by the daemon after {:.0} s: {}",
                begun.elapsed().as_secs_f64(),
                record.out.trim()
            )
        }))
    })?;

    // Two stay there.
    let mut last = first;
    for _ in 0..2 {
        last = this.snapshot()?;
        this.copies(last)?;
    }
    this.pull(&fat)?;

    let exfat = this.stick("exfat", STICK_BYTES, &EXFAT)?;
    let ext4 = this.stick("ext4", STICK_BYTES, &EXT4)?;
    for stick in [&exfat, &ext4] {
        this.plug(stick, false)?;
        this.copies(last)?;
        this.pull(stick)?;
    }

    let protected = this.stick("protected", STICK_BYTES, &FAT)?;
    this.plug(&protected, true)?;
    let (well, said) = this.copy()?;
    ensure!(
        !well && said.contains("is protected against writing"),
        "{said}"
    );
    this.pull(&protected)?;

    let full = this.stick("full", 40 << 20, &FAT)?;
    let filler = folder.join("holiday.mov");
    std::fs::File::create(&filler)?.set_len(38 << 20)?;
    run(&[
        "mcopy".as_ref(),
        "-i".as_ref(),
        full.path().as_os_str(),
        filler.as_os_str(),
        "::/".as_ref(),
    ])?;
    this.plug(&full, false)?;
    let (well, said) = this.copy()?;
    ensure!(!well && said.contains("are free"), "{said}");
    this.pull(&full)?;

    let pulled = this.stick("pulled", STICK_BYTES, &FAT)?;
    this.run(&format!(
        "cd /data/live/openmrs && mkdir -p complex_obs && head -c {LARGE_MIB}M /dev/urandom > complex_obs/scan && \
         chown -R openmrs: complex_obs && sync"
    ))?;
    let large = this.snapshot()?;
    this.plug(&pulled, false)?;
    this.run("systemctl start --no-block posto-copy.service")?;
    wait::until("the second piece", COPY, || {
        let there = this.run("ls /proc/$(systemctl show -P MainPID posto-copy.service)/root/run/posto/copies-disk/*.partial/ || true")?;
        Ok(there.contains("0002.age").then(|| {
            println!(
                "pulled with {} there",
                there.split_whitespace().collect::<Vec<_>>().join(", ")
            )
        }))
    })?;
    this.pull(&pulled)?;
    wait::until("the end of the unit", COPY, || {
        let state = this.run("systemctl show -P ActiveState posto-copy.service")?;
        Ok((state.trim() == "failed").then_some(()))
    })?;
    let said = this.said()?;
    println!("{}", said.trim());
    ensure!(said.contains("what is whole of it stays"), "{said}");
    println!("{}", this.run("posto events | tail -4")?.trim());
    this.plug(&pulled, false)?;
    let (well, said) = this.copy()?;
    ensure!(
        well && said.contains("3 pieces, 1 of an earlier attempt"),
        "{said}"
    );
    this.pull(&pulled)?;

    site_box.machine.press_power_button()?;
    site_box.machine.wait_for_end(COMMAND)?;
    drop(site_box);
    let data = site.data()?;
    let on_fat = contents(&fat, &FAT)?;
    ensure!(
        of(&whole(&on_fat)?) == [last - 1, last],
        "{:?}",
        whole(&on_fat)?
    );
    is_whole(&on_fat.join(&whole(&on_fat)?[0]), data.path(), last - 1)?;
    for (stick, mkfs, id) in [
        (&exfat, &EXFAT[..], last),
        (&ext4, &EXT4[..], last),
        (&pulled, &FAT[..], large),
    ] {
        let there = contents(stick, mkfs)?;
        let names = whole(&there)?;
        ensure!(of(&names) == [id], "{names:?}");
        is_whole(&there.join(&names[0]), data.path(), id)?;
    }
    Ok(())
}
