//! An import has no network, as itself, as its reader and as the throwaway server, and needs none.

use std::io::Write;
use std::time::Duration;

use posto::system::clock::pause;
use posto::system::namespace;
use posto::system::process::{Invocation, Running};

use crate::ground::{FakeServices, Ground, Live, made_dump, mariadb_is_here, put};

/// `posto import` on a standard input that does not end yet.
fn waiting_import() -> Running {
    Invocation::new(env!("CARGO_BIN_EXE_posto"))
        .args(["import", "--dry-run", "--json", "-"])
        .piped_stdin()
        .piped_stdout()
        .spawn()
        .unwrap()
}

/// The interfaces that a process sees.
fn interfaces(id: u32) -> Vec<String> {
    let table = std::fs::read_to_string(format!("/proc/{id}/net/dev")).unwrap();
    let names = table.lines().filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name.trim().to_string()).collect()
}

/// Processes whose parent is `id`.
fn children(id: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    text.split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect()
}

fn network_of(id: u32) -> std::path::PathBuf {
    std::fs::read_link(format!("/proc/{id}/ns/net")).unwrap()
}

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED: needs root");
    }
    root
}

#[test]
fn an_import_and_its_reader_have_no_interface_but_lo() {
    if !is_root() {
        return;
    }
    let mut import = waiting_import();
    let id = import.id();
    let mut readers = Vec::new();
    for _ in 0..500 {
        readers = children(id);
        if !readers.is_empty() {
            break;
        }
        pause(Duration::from_millis(20));
    }
    assert_eq!(interfaces(id), ["lo"]);
    let [reader] = readers.as_slice() else {
        panic!("readers: {readers:?}")
    };
    assert_eq!(interfaces(*reader), ["lo"]);
    assert_eq!(network_of(*reader), network_of(id));
    assert_ne!(network_of(id), network_of(std::process::id()));
    drop(import.stdin());
    import.wait(Duration::from_secs(30)).unwrap_err();
}

#[test]
fn a_dump_on_standard_input_is_read_without_a_network() {
    let ground = Ground::new();
    let dump = std::fs::read(made_dump(&ground, 20, |text| text)).unwrap();
    let mut import = waiting_import();
    let mut stdin = import.stdin().unwrap();
    stdin.write_all(&dump).unwrap();
    drop(stdin);
    import.wait(Duration::from_secs(60)).unwrap();
}

#[test]
fn where_the_kernel_refuses_the_import_says_so_and_goes_on() {
    if !is_root() {
        return;
    }
    let ground = Ground::new();
    let path = ground.dir.path().join("nothing.sql");
    put(&path, "");
    // Root in name, as in a unit that takes the right away.
    let refused = Invocation::new("/usr/bin/setpriv")
        .args(["--bounding-set=-sys_admin", env!("CARGO_BIN_EXE_posto")])
        .args(["import", "--dry-run"])
        .arg(&path);
    let error = refused.run(Duration::from_secs(30)).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("keeps this user's network"), "{said}");
    assert!(
        said.contains("nothing.sql"),
        "it went on to the dump: {said}"
    );
}

#[test]
fn a_whole_import_works_without_a_network_and_reaches_a_server_outside() {
    if !mariadb_is_here() {
        return;
    }
    let ground = Ground::new();
    let dump = made_dump(&ground, 50, |text| text);
    let report = without_network(|| ground.import(&dump, &FakeServices::default()));
    let rows = report.unwrap().rows;
    let live = Live::start(&ground.places.database(), ground.dir.path());
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='openmrs'";
    assert!(rows > 50 && without_network(|| live.number(tables)) > 0);
}

/// A thread without a network; its programs have none either.
fn without_network<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let isolated = || {
        namespace::leave_the_network().unwrap();
        work()
    };
    std::thread::scope(|scope| scope.spawn(isolated).join().unwrap())
}
