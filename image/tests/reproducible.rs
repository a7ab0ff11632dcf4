//! The same inputs give the same bytes, wherever, whenever and under whatever umask they are built; a killed build leaves nothing.
//!
//! Needs root, a Debian mirror or a filled pool (POSTO_POOL), and the stand-in's distro (or POSTO_DISTRO). With POSTO_PROGRAMS (a
//! folder with posto and posto-init) initrd and disk image are compared too.
//! `cargo test -p posto-image --test reproducible -- --nocapture --test-threads=1`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use posto_image::place;
use posto_image::process::Program;

const BUILDER: &str = env!("CARGO_BIN_EXE_posto-image");

#[allow(clippy::disallowed_methods)] // a test starts the real program
fn build(umask: &str, base: &Path, out: &Path) -> std::process::Command {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let mut command = std::process::Command::new("sh");
    command
        .args([
            "-c",
            "umask \"$1\"; shift; exec \"$@\"",
            "sh",
            umask,
            BUILDER,
            "build",
            "--out",
        ])
        .arg(out);
    command.arg("--cache").arg(base.join("cache"));
    let pool = variable("POSTO_POOL")
        .unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("pool"));
    command.arg("--pool").arg(pool);
    command.arg("--source").arg(base.join("source"));
    match variable("POSTO_PROGRAMS") {
        Some(programs) => command.arg("--programs").arg(programs),
        None => command.args(["--without-programs", "--no-disk"]),
    };
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Everything that a build reads, in a place of its own: the sources may be worked on while the test runs.
fn sources(from: &Path, base: &Path) {
    let to = base.join("source");
    let distro = "tests/standin/target/distro";
    place::folder(&to.join(distro)).unwrap();
    let given = std::env::var_os("POSTO_DISTRO").map_or_else(|| from.join(distro), PathBuf::from);
    for (from, to) in [
        (from.join("image"), to.clone()),
        (from.join("Cargo.lock"), to.clone()),
        (given.join("."), to.join(distro)),
    ] {
        Program::new("cp")
            .args(["-r", "--no-preserve=timestamps"])
            .arg(from)
            .arg(to)
            .run()
            .unwrap();
    }
}

fn hashes(out: &Path) -> BTreeMap<String, String> {
    let mut hashes = BTreeMap::new();
    for path in place::sorted(out).unwrap() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        hashes.insert(name, place::sha256(&path).unwrap().1);
    }
    hashes
}

#[test]
fn two_builds_in_different_places_at_different_umasks_and_times_are_the_same_bytes() {
    let one = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let two = tempfile::tempdir_in("/var/tmp").unwrap();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    sources(workspace, one.path());
    sources(&one.path().join("source"), two.path());
    let mut releases = Vec::new();
    for (umask, base) in [("022", one.path()), ("077", two.path())] {
        let out = base.join("out");
        assert!(build(umask, base, &out).status().unwrap().success());
        releases.push(hashes(&out));
    }
    assert!(releases[0].contains_key("manifest.json"));
    assert_eq!(releases[0], releases[1]);
}

#[test]
#[allow(clippy::disallowed_methods)] // waiting for a build to be in its middle
fn an_interrupted_build_leaves_no_mounts_processes_or_half_files() {
    let base = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    sources(
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap(),
        base.path(),
    );
    let out = base.path().join("out");
    let mut child = build("022", base.path(), &out).spawn().unwrap();
    // Until mmdebstrap is at work on the tools root.
    let works = base.path().join("cache/work");
    for _ in 0..600 {
        std::thread::sleep(Duration::from_millis(100));
        let tools = std::fs::read_dir(&works)
            .into_iter()
            .flatten()
            .flatten()
            .any(|w| w.path().join("tools/root/usr").exists());
        if tools {
            break;
        }
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mark = base.path().to_str().unwrap().to_owned();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(&mark), "{mounts}");
    // What was killed with the build may still be on its way out of the process table.
    for _ in 0..100 {
        if processes_with(&mark).is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(processes_with(&mark), [""; 0]);
    assert!(!works.exists(), "work in progress is gone");
    assert!(!out.join("manifest.json").exists());
}

/// Command lines of other processes that name `mark`.
fn processes_with(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        if process.file_name() == std::process::id().to_string().as_str() {
            continue;
        }
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(mark) {
            found.push(line);
        }
    }
    found
}

#[test]
fn a_distro_that_cannot_be_reached_is_named_and_nothing_is_put_in_its_place() {
    let base = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let distro = base.path().join("openmrs-distro.properties");
    // Port 9 of this machine: nobody answers.
    let text = "name=Away\nversion=1\nwar.openmrs=9.9.9\nwar.openmrs.groupId=example.away\nrepository.away=https\\://127.0.0.1\\:9/public\n";
    place::whole(&distro, text.as_bytes()).unwrap();
    sources(
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap(),
        base.path(),
    );
    let out = base.path().join("out");
    let mut command = build("022", base.path(), &out);
    command
        .arg("--distro")
        .arg(&distro)
        .env_remove("POSTO_DISTRO");
    let said = command.output().unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    for part in [
        "example.away:openmrs-webapp:9.9.9:war",
        "https://127.0.0.1:9/public",
        "by-hand",
        "--artifacts",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert!(!out.exists());
}
