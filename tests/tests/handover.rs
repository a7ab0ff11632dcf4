//! GRUB's slot decisions, on both firmwares, by hand-over: the boot area of the release's disk image, and in the slots a
//! kernel of 50 bytes that says its kernel line on the serial port and halts. Each reset is one case.
//!
//! `POSTO_RELEASE_DIR=<release> cargo test -p posto-tests --test handover -- --nocapture`

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's steps fail by panicking, with the error in the message"
)]

use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use posto_release::layout::{self, STATE};
use posto_release::slot::{
    Block, BlockWrite, BootState, Slot, Trial, TrialKind, committed_block, trial_block,
};
use posto_release::slot_env::{INITRD, KERNEL, SLOT_ENV, SLOT_ENV_BYTES, SUMS};
use posto_release::{env_block::EnvBlock, state_partition};
use posto_tests::qemu::{Disk, Firmware, Machine, Setup};
use posto_tests::release;
use sha2::{Digest, Sha256};

const END: &str = "HANDOVER-END";
const NOTHING_BOOTS: &str = "GRUB: no bootable slot";
/// A hand-over takes 2 s on BIOS and 7 s on UEFI; an emulator on a loaded machine takes longer.
const HANDOVER_LIMIT: Duration = Duration::from_secs(120);

/// A Linux/x86 boot protocol 2.10 image (Documentation/arch/x86/boot.rst) whose 32-bit code writes the kernel line to COM1.
fn kernel() -> Vec<u8> {
    let mut image = vec![0; 1024];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x1f1, &[1]); // setup_sects
    put(0x1fe, &[0x55, 0xaa]);
    put(0x202, b"HdrS");
    put(0x206, &0x020a_u16.to_le_bytes());
    put(0x211, &[1]); // loadflags: LOADED_HIGH
    put(0x214, &0x10_0000_u32.to_le_bytes()); // code32_start
    put(0x22c, &0x7fff_ffff_u32.to_le_bytes()); // initrd_addr_max
    put(0x230, &0x1000_u32.to_le_bytes()); // kernel_alignment
    put(0x234, &[1, 12]); // relocatable_kernel, min_alignment
    put(0x238, &2047_u32.to_le_bytes()); // cmdline_size
    put(0x258, &0x100_0000_u64.to_le_bytes()); // pref_address
    put(0x260, &0x1_0000_u32.to_le_bytes()); // init_size
    image.extend_from_slice(&[
        0x8b, 0xb6, 0x28, 0x02, 0x00, 0x00, // mov esi, [esi + cmd_line_ptr]
        0xac, 0x84, 0xc0, 0x74, 0x14, // next: lodsb; test al, al; jz halt
        0x88, 0xc4, // mov ah, al
        0x66, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x20, 0x74, 0xf7, // wait until COM1 takes a byte
        0x88, 0xe0, 0x66, 0xba, 0xf8, 0x03, 0xee, // out 0x3f8, ah
        0xeb, 0xe7, // jmp next
        0xf4, 0xeb, 0xfd, // halt: hlt; jmp halt
    ]);
    image.resize(1024 + 4096, 0);
    image
}

/// A boot partition's FAT with the files; a `None` leaves one out.
fn boot_partition(slot: Slot, kernel: Option<&[u8]>, initrd: &[u8], slot_env: &[u8]) -> Vec<u8> {
    let whole = self::kernel();
    let sums: String = [
        (KERNEL, whole.as_slice()),
        (INITRD, INITRD_BYTES),
        (SLOT_ENV, &self::slot_env(slot)),
    ]
    .map(|(name, bytes)| format!("{}  {name}\n", hex::encode(Sha256::digest(bytes))))
    .concat();
    let mut disk = Cursor::new(vec![0; 16 << 20]);
    let options = fatfs::FormatVolumeOptions::new().fat_type(fatfs::FatType::Fat16);
    fatfs::format_volume(&mut disk, options).unwrap();
    {
        let fat = fatfs::FileSystem::new(&mut disk, fatfs::FsOptions::new()).unwrap();
        let add = |name: &str, bytes: &[u8]| {
            fat.root_dir()
                .create_file(name)
                .unwrap()
                .write_all(bytes)
                .unwrap()
        };
        if let Some(kernel) = kernel {
            add(KERNEL, kernel);
        }
        add(INITRD, initrd);
        add(SUMS, sums.as_bytes());
        add(SLOT_ENV, slot_env);
    }
    disk.into_inner()
}

const INITRD_BYTES: &[u8] = &[7; 3000];

fn slot_env(slot: Slot) -> Vec<u8> {
    let args = format!("test.body={slot} quiet {END}");
    EnvBlock::sized(
        &[("s_ok", "ok"), ("s_hash", "1"), ("s_args", &args)],
        SLOT_ENV_BYTES,
    )
    .bytes()
    .to_vec()
}

fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

/// A machine whose disk is rewritten between resets.
struct Ground {
    machine: Machine,
    disk: File,
    cases: u32,
    state: Vec<u8>,
    _folder: tempfile::TempDir,
}

impl Ground {
    fn new(firmware: Firmware) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.img");
        let disk = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        // Table, GRUB for both firmwares and boot state, as they are shipped.
        let mut area = vec![0; usize::try_from(STATE.start_bytes()).unwrap()];
        File::open(release::disk_image().unwrap())
            .unwrap()
            .read_exact(&mut area)
            .unwrap();
        disk.write_all_at(&area, 0).unwrap();
        disk.set_len(layout::IMAGE_MIB * layout::MIB).unwrap();
        let ground_disk = disk.try_clone().unwrap();
        let put_all = |disk: &File| {
            disk.write_all_at(&state_partition::at_install(), STATE.start_bytes())
                .unwrap();
            for slot in [Slot::A, Slot::B] {
                let bytes = boot_partition(slot, Some(&kernel()), INITRD_BYTES, &slot_env(slot));
                disk.write_all_at(&bytes, layout::boot(slot).start_bytes())
                    .unwrap();
            }
        };
        put_all(&disk);
        let setup = Setup {
            firmware,
            disk: Disk::Raw(&path),
            memory_mib: 256,
            processors: 1,
            http_port: None,
            clock: None,
            watchdog: true,
            folder: folder.path(),
        };
        let machine = Machine::start(&setup).unwrap();
        let mut ground = Self {
            machine,
            disk: ground_disk,
            cases: 0,
            state: state_partition::at_install(),
            _folder: folder,
        };
        // The power-on is the first case.
        ground.expect("power on with a new disk", Some((Slot::A, "normal")), false);
        ground
    }

    /// Sets the state partition's bytes: as installed, then these writes.
    fn set(&mut self, writes: &[BlockWrite]) {
        self.state = state_partition::at_install();
        for write in writes {
            let at = usize::try_from(write.block.offset()).unwrap();
            self.state[at..at + 4096].copy_from_slice(write.bytes.as_slice());
        }
    }

    fn boot(&mut self, slot: Slot, bytes: &[u8]) {
        self.disk
            .write_all_at(bytes, layout::boot(slot).start_bytes())
            .unwrap();
    }

    fn whole(&mut self, slot: Slot) {
        self.boot(
            slot,
            &boot_partition(slot, Some(&kernel()), INITRD_BYTES, &slot_env(slot)),
        );
    }

    fn state_on_disk(&self) -> BootState {
        let mut bytes = vec![0; usize::try_from(STATE.size_bytes()).unwrap()];
        self.disk
            .read_exact_at(&mut bytes, STATE.start_bytes())
            .unwrap();
        state_partition::read(&bytes)
    }

    /// Resets with the state as set.
    fn case(&mut self, name: &str, expected: Option<(Slot, &str)>) {
        self.disk
            .write_all_at(&self.state, STATE.start_bytes())
            .unwrap();
        self.expect(name, expected, true);
    }

    /// Resets with the state as the last boot left it.
    fn again(&mut self, name: &str, expected: Option<(Slot, &str)>) {
        self.expect(name, expected, true);
    }

    fn expect(&mut self, name: &str, expected: Option<(Slot, &str)>, reset: bool) {
        self.cases += 1;
        if reset {
            self.machine.reset().unwrap();
            self.machine.serial.forget();
        }
        let (number, said) = self
            .machine
            .serial
            .wait_for(&[END, NOTHING_BOOTS], HANDOVER_LIMIT)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let line = said
            .rfind("BOOT_IMAGE=")
            .map(|at| said[at..].to_owned())
            .unwrap_or_default();
        let word = |name: &str| {
            line.split_whitespace()
                .find_map(|word| word.strip_prefix(name))
                .unwrap_or_default()
                .to_owned()
        };
        let found =
            (number == 0).then(|| (word("posto.slot="), word("posto.mode="), word("test.body=")));
        let expected =
            expected.map(|(slot, mode)| (slot.to_string(), mode.to_owned(), slot.to_string()));
        assert_eq!(found, expected, "{name}\n{said}");
        if number == 0 {
            assert_eq!(word("posto.root=").len(), 36, "{name}: {line}");
            assert_eq!(word("posto.data=").len(), 36, "{name}: {line}");
        }
    }
}

fn committed(slot: Slot) -> Vec<BlockWrite> {
    vec![
        committed_block(Block::C1, slot),
        committed_block(Block::C2, slot),
    ]
}

fn trial(slot: Slot, left: u8, kind: TrialKind) -> BlockWrite {
    trial_block(Some(Trial { slot, left, kind }))
}

fn garbage(block: Block, seed: u8) -> BlockWrite {
    let mut write = committed_block(block, Slot::A);
    for (byte, number) in write.bytes.iter_mut().zip(0_u32..) {
        *byte = Sha256::digest([&number.to_le_bytes()[..], &[seed]].concat())[0];
    }
    write
}

fn committed_records(ground: &mut Ground) {
    use Slot::{A, B};
    ground.set(&committed(B));
    ground.case("b is committed", Some((B, "normal")));
    ground.set(&[committed_block(Block::C1, B), committed_block(Block::C2, A)]);
    ground.case("c1 wins over c2", Some((B, "normal")));
    for seed in [1, 2] {
        ground.set(&[garbage(Block::C1, seed), committed_block(Block::C2, B)]);
        ground.case("c1 destroyed", Some((B, "normal")));
        ground.set(&[committed_block(Block::C1, B), garbage(Block::C2, seed)]);
        ground.case("c2 destroyed", Some((B, "normal")));
    }
    ground.set(&[garbage(Block::C1, 3), garbage(Block::C2, 4)]);
    ground.case("both records destroyed", Some((A, "normal")));
    ground.set(&[
        garbage(Block::C1, 3),
        garbage(Block::C2, 4),
        trial(B, 2, TrialKind::Trial),
    ]);
    ground.case(
        "both records destroyed while a trial is armed",
        Some((B, "trial")),
    );
}

fn trials(ground: &mut Ground) {
    use Slot::{A, B};
    for (old, new) in [(A, B), (B, A)] {
        ground.set(&[committed(old), vec![trial(new, 3, TrialKind::Trial)]].concat());
        ground.case("first attempt", Some((new, "trial")));
        assert_eq!(ground.state_on_disk().t.unwrap().left, 2);
        ground.again("second attempt", Some((new, "trial")));
        ground.again("third attempt", Some((new, "trial")));
        assert_eq!(ground.state_on_disk().t.unwrap().left, 0);
        ground.again("back to the committed slot", Some((old, "normal")));
        ground.again("and it stays there", Some((old, "normal")));
    }
    ground.set(&[trial(B, 1, TrialKind::Rescue)]);
    ground.case("one attempt of rescue", Some((B, "rescue")));
    ground.again(
        "after the rescue the committed slot again",
        Some((A, "normal")),
    );
    ground.set(&[trial(A, 3, TrialKind::Trial)]);
    ground.case("a trial of the committed slot is none", Some((A, "normal")));
    assert_eq!(ground.state_on_disk().t.unwrap().left, 3);
}

/// Torn and foreign contents of t: GRUB and the daemon must read the same out of them.
fn torn(ground: &mut Ground) {
    let cleared = trial_block(None);
    let armed = trial(Slot::B, 3, TrialKind::Trial);
    let values: Vec<usize> = (0..512)
        .filter(|at| cleared.bytes[*at] != armed.bytes[*at])
        .map(|at| at + 1)
        .collect();
    for at in values.into_iter().chain([20, 512]) {
        let mut write = cleared.clone();
        write.bytes[..at].copy_from_slice(&armed.bytes[..at]);
        agree(ground, &format!("t torn after byte {at}"), &[write]);
    }
    for (from, to) in [
        (b"t_end=ok", b"t_end=no"),
        (b"t_left=3", b"t_left=9"),
        (b"t_slot=b", b"t_slot=c"),
        (b"# GRUB E", b"# GRUB F"),
    ] {
        let mut write = armed.clone();
        let at = write
            .bytes
            .windows(8)
            .position(|window| window == from)
            .unwrap();
        write.bytes[at..at + 8].copy_from_slice(to);
        agree(ground, &String::from_utf8_lossy(to), &[write]);
    }
    agree(ground, "t is garbage", &[garbage(Block::T, 5)]);
    ground.set(&[]);
    for (byte, number) in ground.state.iter_mut().zip(0_u32..) {
        *byte = Sha256::digest(number.to_le_bytes())[0];
    }
    ground.case(
        "the whole state partition is random",
        Some((Slot::A, "normal")),
    );
    ground.set(
        &[
            committed(Slot::B),
            vec![trial(Slot::A, 3, TrialKind::Trial)],
        ]
        .concat(),
    );
    ground.state[..40 * 512].fill(0);
    ground.case(
        "its file system is gone, the records stand: no write, no trial",
        Some((Slot::B, "normal")),
    );
}

fn agree(ground: &mut Ground, name: &str, writes: &[BlockWrite]) {
    ground.set(writes);
    let state = state_partition::read(&ground.state);
    let mode = state.pending_trial().map_or("normal", |trial| {
        if trial.kind == TrialKind::Rescue {
            "rescue"
        } else {
            "trial"
        }
    });
    ground.case(name, Some((state.next(), mode)));
}

fn damaged_slots(ground: &mut Ground) {
    use Slot::{A, B};
    ground.set(&[]);
    let good = |slot| slot_env(slot);
    let damages: [(&str, Vec<u8>); 5] = [
        (
            "vmlinuz of a is missing",
            boot_partition(A, None, INITRD_BYTES, &good(A)),
        ),
        (
            "a byte of a's vmlinuz is flipped",
            boot_partition(A, Some(&flipped(&kernel())), INITRD_BYTES, &good(A)),
        ),
        (
            "a byte of a's initrd is flipped",
            boot_partition(A, Some(&kernel()), &flipped(INITRD_BYTES), &good(A)),
        ),
        (
            "slot.env of a is empty",
            boot_partition(A, Some(&kernel()), INITRD_BYTES, &[0; SLOT_ENV_BYTES]),
        ),
        ("boot partition a is destroyed", vec![0xE5; 16 << 20]),
    ];
    for (name, bytes) in &damages {
        ground.boot(A, bytes);
        ground.case(name, Some((B, "rescue")));
    }
    ground.set(&committed(B));
    ground.case("a is destroyed and does not matter", Some((B, "normal")));
    ground.set(&[committed(B), vec![trial(A, 3, TrialKind::Trial)]].concat());
    ground.case(
        "a trial of a destroyed slot falls back at once",
        Some((B, "normal")),
    );
    assert_eq!(ground.state_on_disk().t.unwrap().left, 2);
    ground.boot(B, &[0; 16 << 20]);
    ground.case("both slots are gone", None);
    ground.whole(A);
    ground.set(&committed(B));
    ground.case("b is committed and gone", Some((A, "rescue")));
    ground.whole(B);
    ground.case("b is back", Some((B, "normal")));
}

type Part = fn(&mut Ground);

/// Two machines side by side, each through its share.
fn decisions(firmware: Firmware, shares: [&[Part]; 2]) {
    let start = Instant::now();
    let cases: u32 = std::thread::scope(|scope| {
        let running = shares.map(|parts| {
            scope.spawn(move || {
                let mut ground = Ground::new(firmware);
                parts.iter().for_each(|part| part(&mut ground));
                ground.cases
            })
        });
        running.into_iter().map(|share| share.join().unwrap()).sum()
    });
    println!(
        "{}: {cases} hand-overs in {:.0} s",
        firmware.name(),
        start.elapsed().as_secs_f64()
    );
}

#[test]
fn grub_decides_as_the_boot_state_says_on_bios() {
    decisions(
        Firmware::Bios,
        [&[committed_records, trials], &[torn, damaged_slots]],
    );
}

/// Without the torn blocks: script and reader of the blocks are the same code, and OVMF takes three times as long.
#[test]
fn grub_decides_as_the_boot_state_says_on_uefi() {
    decisions(
        Firmware::Uefi,
        [&[committed_records, damaged_slots], &[trials]],
    );
}
