//! The process that reads foreign bytes has nothing but them and a pipe.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use posto::database::import::census::Wanted;
use posto::database::import::error::ImportError;
use posto::database::import::reading::{Order, Reading, frame};
use posto::system::clock::pause;
use posto::system::process::{Invocation, Running};

use crate::ground::{Ground, block_on, put, reader};

/// A worker whose dump does not end yet.
fn waiting_worker(user: Option<u32>) -> Running {
    let order = Order {
        name: "a dump".to_string(),
        wanted: Wanted::First,
        send: true,
        user,
    };
    let worker = Invocation::new(reader().program)
        .args(["unit", "read-dump", &serde_json::to_string(&order).unwrap()])
        .piped_stdin()
        .piped_stdout();
    worker.spawn().unwrap()
}

fn status(id: u32) -> String {
    std::fs::read_to_string(format!("/proc/{id}/status")).unwrap()
}

/// What the test's own caller left open for every program after it (cargo's job server, a shell's).
fn was_given_to_this_process(path: &Path) -> bool {
    let Some(number) = path
        .file_name()
        .and_then(|n| n.to_str()?.parse::<u32>().ok())
    else {
        return false;
    };
    let own = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = own.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|text| u32::from_str_radix(text.trim(), 8).ok());
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    number > 2 && flags.is_some_and(|flags| flags & CLOSE_ON_EXEC == 0)
}

#[test]
fn the_reader_is_confined_before_it_reads_a_byte() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: needs root");
        return;
    }
    let mut worker = waiting_worker(reader().user);
    let id = worker.id();
    let mut said = String::new();
    for _ in 0..200 {
        said = status(id);
        if said.contains("Seccomp:\t2") {
            break;
        }
        pause(Duration::from_millis(20));
    }
    for line in [
        "Uid:\t813\t813\t813\t813",
        "Gid:\t813\t813\t813\t813",
        "Groups:\t \n",
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "CapAmb:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "Threads:\t1",
    ] {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
    for limit in [
        "Max open files            0",
        "Max address space         671088640",
        "Max processes             0",
    ] {
        assert!(limits.contains(limit), "{limit} is not in\n{limits}");
    }
    // Standard streams and their copies; nothing that its parent opened.
    let all = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap();
    let all = all.map(|entry| entry.unwrap().path());
    let open: Vec<_> = all
        .filter(|path| !was_given_to_this_process(path))
        .map(|path| std::fs::read_link(path).unwrap())
        .collect();
    assert!(
        open.len() == 5
            && open
                .iter()
                .all(|path| path.to_string_lossy().starts_with("pipe:")),
        "{open:?}"
    );
    drop(worker.stdin());
    worker.wait(Duration::from_secs(10)).unwrap();
}

#[test]
fn a_reader_that_dies_is_an_error_and_not_a_short_dump() {
    let ground = Ground::new();
    let path = ground.dir.path().join("dump.sql");
    put(&path, "SELECT 1;\n");
    let mut reader = reader();
    reader.program = "/bin/false".into();
    let reading = Reading::open(&path).unwrap();
    let under_way = reading.begin(&reader, Wanted::First, None).unwrap();
    let error = block_on(under_way.survey()).unwrap_err();
    assert!(matches!(error, ImportError::Process(_)), "{error:?}");
}

/// The bound itself: a row that grows to 60 MiB behind an xz window passes, an unbounded one ends in words.
#[test]
fn a_row_without_end_ends_in_words_within_the_readers_memory() {
    let ground = Ground::new();
    let path = ground.dir.path().join("dump.sql");
    let mut text = b"CREATE TABLE `obs` (a longtext);\nINSERT INTO `obs` VALUES ('".to_vec();
    text.resize(80 << 20, b'x');
    put(&path, text);
    let reading = Reading::open(&path).unwrap();
    let under_way = reading.begin(&reader(), Wanted::First, None).unwrap();
    let error = block_on(under_way.survey()).unwrap_err();
    assert!(matches!(error, ImportError::Text { .. }), "{error:?}");
}

#[test]
fn what_the_reader_is_given_is_the_file_and_its_end() {
    let (from, to) = std::io::pipe().unwrap();
    let order = Order {
        name: "a dump".to_string(),
        wanted: Wanted::First,
        send: true,
        user: reader().user,
    };
    drop(to);
    let mut worker = Invocation::new(reader().program)
        .args(["unit", "read-dump", &serde_json::to_string(&order).unwrap()])
        .stdin_from(OwnedFd::from(from))
        .piped_stdout()
        .spawn()
        .unwrap();
    let mut output = worker.stdout().unwrap();
    let said = frame::read(&mut output).unwrap();
    assert!(
        matches!(&said, Some(frame::Frame::Failed(error)) if matches!(**error, ImportError::NotADump { .. })),
        "{said:?}"
    );
    assert!(frame::read(&mut output).unwrap().is_none());
}
