//! What the box offers to whoever is beside it or in it: sockets, rights of files, exposure of units, the way in from a distance.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use posto_tests::command::run;
use posto_tests::container::{Container, DataFile, facility_file};
use posto_tests::installed::DATA_BYTES;
use posto_tests::release;
use posto_tests::wait;

use crate::ground::{OPEN_BOUND, exposure, open_box, options};

/// Every TCP and UDP port that may be listened on, and why.
const PORTS: [(&str, &str); 5] = [
    ("0.0.0.0:80", "the door"),
    ("0.0.0.0:443", "the door, by TLS"),
    ("[::]:80", "the door"),
    ("[::]:443", "the door, by TLS"),
    ("127.0.0.1:3306", "JDBC knows no sockets of files"),
];
/// Ports of Java, which writes IPv4 addresses as IPv6 ones.
const JAVA: [&str; 2] = ["[::ffff:127.0.0.1]:8080", "127.0.0.1:8080"];

/// Every socket in the file system that may be listened on, who may connect, and why.
const SOCKETS: [(&str, &str); 17] = [
    (
        "/tmp/.java_pid",
        "in OpenMRS's own /tmp, for its own user: what fills Java's heap is asked for there",
    ),
    (
        "/run/dbus/system_bus_socket",
        "posto asks systemd; others' rights are in dbus's policy",
    ),
    (
        "/run/mysqld/mysqld.sock",
        "SQL by who one is; every account but root, openmrs and posto is refused",
    ),
    (
        "/run/systemd/private",
        "root alone: systemctl without the bus",
    ),
    ("/run/systemd/notify", "units say that they are ready"),
    ("/run/systemd/coredump", "root alone"),
    ("/run/systemd/io.systemd.ManagedOOM", "systemd's own"),
    (
        "/run/systemd/io.systemd.Hostname",
        "reads the host name; asks who wants to change it",
    ),
    (
        "/run/systemd/io.systemd.",
        "systemd's own words (varlink); what changes something asks for root",
    ),
    (
        "/run/systemd/journal/",
        "units write logs; `socket`, `stdout`, `dev-log` only take",
    ),
    ("/run/systemd/userdb/", "asks for names of dynamic users"),
    (
        "/run/systemd/netif/io.systemd.Network",
        "asks how the network is",
    ),
    ("/run/systemd/resolve.hook", "asks how the network is"),
    ("/run/udev/control", "root alone"),
    ("/run/lock/lvm", "none is there"),
    ("/run/host/", "the container's own, not there on a box"),
    ("/run/initctl", "none is there"),
];

#[test]
fn nothing_listens_that_is_not_on_the_list_and_nothing_gives_rights_away() -> Result<()> {
    let (_folder, container) = open_box("hardening")?;
    let ports = container.run(&["ss", "-Htuln"])?;
    for line in ports.lines() {
        let local = line.split_whitespace().nth(4).context("a line of ss")?;
        println!("listens: {line}");
        ensure!(
            JAVA.contains(&local) || PORTS.iter().any(|(known, _)| *known == local),
            "{line}: not on the list of ports"
        );
    }
    let sockets = container.run(&["ss", "-Hxl"])?;
    for line in sockets.lines() {
        let Some(path) = line.split_whitespace().nth(4) else {
            continue;
        };
        if path == "*" {
            continue;
        }
        // Abstract ones have no owner and no mode: anybody in the same network could connect.
        ensure!(!path.starts_with('@'), "an abstract socket: {line}");
        let of = container.ask(&["stat", "-c", "%A %U %n", path])?;
        println!("listens: {}", of.out.trim());
        ensure!(
            SOCKETS.iter().any(|(known, _)| path.starts_with(known)),
            "{line}: not on the list of sockets"
        );
    }

    let rights = container.run(&[
        "find", "/", "-xdev", "-type", "f", "-perm", "/6000", "-print",
    ])?;
    ensure!(rights.is_empty(), "files that give rights: {rights}");
    let writable = container.run(&[
        "find", "/usr", "/etc", "-xdev", "!", "-type", "l", "-perm", "-0002", "-print",
    ])?;
    ensure!(
        writable.is_empty(),
        "files that anybody may write: {writable}"
    );
    let shells = container.run(&["cat", "/etc/shadow"])?;
    ensure!(
        shells.lines().all(|line| line
            .split(':')
            .nth(1)
            .is_some_and(|word| word.starts_with(['!', '*']))),
        "an account has a password:\n{shells}"
    );
    let mounts = container.run(&[
        "systemctl",
        "list-units",
        "--type=automount",
        "--plain",
        "--no-legend",
    ])?;
    ensure!(mounts.is_empty(), "something mounts by itself: {mounts}");
    // No keys in facility.toml: no way in from a distance, not even a process.
    ensure!(
        container.ask(&["pgrep", "-x", "sshd"])?.code != 0,
        "sshd runs without keys"
    );

    exposures(&container)?;
    container.stop()
}

/// Units that need root, with the figure that they may not exceed; docs/decisions.md explains each. Every other unit of ours is a
/// worker: at most 2.0.
const ROOTS: [(&str, f64); 8] = [
    // It mounts the other slot's boot partition before it repairs the boot state.
    ("posto-guard.service", 2.5),
    // A technician with the code, who may do all that root may.
    ("posto-session@.service", 9.7),
    ("posto-softdog.service", 3.7),
    ("posto-first-boot.service", 2.8),
    ("posto-console.service", 2.2),
    ("posto-ssh.service", 9.6),
    ("posto-ups-off.service", 3.5),
    // It mounts a stick and starts a user without rights who reads it.
    ("posto-update-stick.service", 2.3),
];
const WORKERS: f64 = 2.0;

fn exposures(container: &Container) -> Result<()> {
    let units = container.run(&[
        "find",
        "/etc/systemd/system",
        "-maxdepth",
        "1",
        "-type",
        "f",
        "-name",
        "*.service",
        "-printf",
        "%f\n",
    ])?;
    let (mut seen, mut over) = (0, Vec::new());
    for unit in units.lines() {
        // Of a template any instance will do.
        let level = exposure(container, &unit.replace("@.", "@sql."))?;
        let most = ROOTS
            .iter()
            .find(|(name, _)| *name == unit)
            .map_or(WORKERS, |(_, most)| *most);
        println!("exposure of {unit}: {level}, at most {most}");
        if level > most {
            over.push(format!("{unit} is exposed: {level}, at most {most}"));
        }
        seen += 1;
    }
    ensure!(over.is_empty(), "{over:#?}");
    ensure!(seen > 10, "only {seen} units were found");
    Ok(())
}

/// Makes a key pair in `folder`, named and marked `name`; the private key's path.
fn new_key(folder: &Path, name: &str) -> Result<String> {
    let key = folder.join(name).display().to_string();
    run(&[
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-C",
        name,
        "-f",
        &key,
    ])?;
    Ok(key)
}

#[test]
fn a_technician_comes_in_by_key_and_by_nothing_else() -> Result<()> {
    let folder = release::scratch()?;
    let key = new_key(folder.path(), "tecnica")?;
    let public = run(&["cat", &format!("{key}.pub")])?;
    let facility = format!(
        "{}\n[ssh]\nkeys = [\"{}\"]\n",
        facility_file(1, "posto-um"),
        public.trim()
    );
    let data = DataFile::create(&folder.path().join("ssh.xfs"), DATA_BYTES, &facility)?;
    let mut container = Container::start(&options(data.path())?)?;
    container.wait_open(OPEN_BOUND)?;
    let address = container.address().to_string();
    wait::until("port 22", Duration::from_secs(60), || {
        Ok(std::net::TcpStream::connect((address.as_str(), 22)).ok())
    })?;
    let target = format!("root@{address}");
    let ssh = |how: &[&str]| {
        let mut argv = vec![
            "ssh",
            "-n",
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "ConnectTimeout=30",
        ];
        argv.extend(how);
        argv.extend([target.as_str(), "posto", "status", "--json"]);
        run(&argv)
    };
    let status = ssh(&["-i", &key, "-o", "IdentitiesOnly=yes"]).context("with the key")?;
    ensure!(
        status.contains("release"),
        "posto answers over SSH: {status}"
    );
    let other = new_key(folder.path(), "outra")?;
    ensure!(
        ssh(&["-i", &other, "-o", "IdentitiesOnly=yes"]).is_err(),
        "a foreign key came in"
    );
    let refused = ssh(&[
        "-o",
        "PubkeyAuthentication=no",
        "-o",
        "PreferredAuthentications=password,keyboard-interactive",
    ]);
    let words = refused.err().context("a password was taken")?.to_string();
    println!("without a key: {words}");
    // What the server offers stands in its refusal.
    ensure!(words.contains("(publickey)"), "{words}");
    let mode = container.run(&["stat", "-c", "%a %U", "/data/secrets/ssh/host_ed25519"])?;
    ensure!(mode.trim() == "600 root", "the box's key: {mode}");
    container.run(&["systemctl", "stop", "posto-ssh.service"])?;
    ensure!(
        std::net::TcpStream::connect_timeout(
            &format!("{address}:22").parse()?,
            Duration::from_secs(3)
        )
        .is_err(),
        "port 22 stays open without sshd"
    );
    container.stop()
}
