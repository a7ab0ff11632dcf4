//! Power: boots that ended in order and those that did not, the UPS's last word, the button.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use posto_tests::command::ending_with_us;
use posto_tests::container::{Container, DataFile, facility_file};
use posto_tests::faults::{happenings, since_boot_ms};
use posto_tests::release;
use posto_tests::wait;
use serde::Deserialize;

use crate::ground::{OPEN_BOUND, installed, options};

const NOTICE_BOUND: Duration = Duration::from_secs(60);
/// OpenMRS, then the database, on a shared machine; the box itself would give them 13 minutes.
const OFF_BOUND: Duration = Duration::from_secs(120);

#[derive(Debug, Deserialize)]
struct Boots {
    begun: u64,
    clean: u64,
    ended: bool,
}

fn boots_of(data: &Path) -> Result<Boots> {
    let text = std::fs::read_to_string(data.join("posto/boots.json"))?;
    serde_json::from_str(&text).context("boots.json")
}

fn boots(data: &DataFile) -> Result<Boots> {
    data.change(|at| boots_of(Path::new(at)))
}

fn wait_for_event(container: &Container, name: &str, after_ms: u64) -> Result<()> {
    wait::until(&format!("the event {name}"), NOTICE_BOUND, || {
        let found = happenings(container, after_ms)?;
        Ok(found
            .iter()
            .any(|happening| happening.name == name)
            .then_some(()))
    })
}

/// The database found its files as an orderly end leaves them.
fn needed_no_recovery(container: &Container) -> Result<()> {
    let said = container.run(&[
        "journalctl",
        "--boot",
        "--unit=mariadb.service",
        "--output=cat",
    ])?;
    ensure!(
        said.contains("ready for connections"),
        "the database's words are not in the journal: {said}"
    );
    ensure!(
        !said.contains("crash recovery"),
        "the database was not clean: {said}"
    );
    Ok(())
}

#[test]
fn an_orderly_end_is_clean_and_counted_and_a_power_cut_is_counted_as_one() -> Result<()> {
    let folder = release::scratch()?;
    let data = installed(&folder.path().join("boots.xfs"))?;
    let first = boots(&data)?;
    println!("after installation and an orderly end: {first:?}");
    ensure!(
        first.ended && first.clean == first.begun,
        "the installation's boot ended in order: {first:?}"
    );

    let mut container = Container::start(&options(data.path())?)?;
    container.wait_open(OPEN_BOUND)?;
    needed_no_recovery(&container)?;
    container.kill()?;
    let cut = boots(&data)?;
    ensure!(
        !cut.ended && cut.begun == first.begun + 1 && cut.clean == first.clean,
        "{cut:?}"
    );

    let begun = since_boot_ms()?;
    let mut container = Container::start(&options(data.path())?)?;
    wait_for_event(&container, "unclean-end", begun)?;
    container.wait_open(OPEN_BOUND)?;
    for property in ["HandlePowerKey", "HandleLidSwitch"] {
        let value = container.run(&[
            "busctl",
            "get-property",
            "org.freedesktop.login1",
            "/org/freedesktop/login1",
            "org.freedesktop.login1.Manager",
            property,
        ])?;
        println!("{property}: {}", value.trim());
        let wanted = if property == "HandlePowerKey" {
            "poweroff"
        } else {
            "ignore"
        };
        ensure!(value.contains(wanted), "{property}: {value}");
    }
    let stop = Instant::now();
    container.stop()?;
    println!("orderly end: {:.1} s", stop.elapsed().as_secs_f64());
    let last = boots(&data)?;
    println!("after a cut and an orderly end: {last:?}");
    ensure!(
        last.ended && last.begun == first.begun + 2 && last.clean == first.clean + 1,
        "{last:?}"
    );
    Ok(())
}

/// A UPS's server on this machine, with a UPS that is a file.
struct UpsServer {
    folder: tempfile::TempDir,
    processes: Vec<Child>,
}

impl UpsServer {
    /// Listens where the container sees this machine.
    fn start(address: &str) -> Result<Self> {
        // Its sockets' names must be short.
        let folder = tempfile::Builder::new().prefix("ups-").tempdir()?;
        let mut server = Self {
            folder,
            processes: Vec::new(),
        };
        server.says("OL")?;
        let device = server.folder.path().join("battery.dev");
        server.file(
            "ups.conf",
            &format!(
                "[battery]\n driver = dummy-ups\n port = {}\n mode = dummy-once\n pollinterval = 1\n",
                device.display()
            ),
        )?;
        server.file("upsd.conf", &format!("LISTEN {address} 3493\n"))?;
        server.file("nut.conf", "MODE=netserver\n")?;
        server.file(
            "upsd.users",
            "[posto]\n password = \"umdois\"\n upsmon secondary\n",
        )?;
        server.run(&["/lib/nut/dummy-ups", "-a", "battery", "-u", "root", "-F"])?;
        let socket = server.folder.path().join("dummy-ups-battery");
        wait::until("the UPS's driver", Duration::from_secs(20), || {
            Ok(socket.exists().then_some(()))
        })?;
        // Not /usr/sbin/upsd: Debian wraps it and asks the settings of the machine whether it may run.
        server.run(&["/lib/nut/upsd", "-u", "root", "-F"])?;
        Ok(server)
    }

    fn run(&mut self, argv: &[&str]) -> Result<()> {
        let mut process = ending_with_us(argv);
        process
            .env("NUT_CONFPATH", self.folder.path())
            .env("NUT_STATEPATH", self.folder.path())
            .env("NUT_ALTPIDPATH", self.folder.path());
        self.processes.push(process.spawn()?);
        Ok(())
    }

    fn file(&self, name: &str, text: &str) -> Result<()> {
        #[expect(clippy::disallowed_methods, reason = "a scratch file")]
        std::fs::write(self.folder.path().join(name), text)?;
        Ok(())
    }

    /// What the UPS says from now on.
    fn says(&self, status: &str) -> Result<()> {
        self.file("battery.dev", &format!("ups.status: {status}\n"))
    }
}

impl Drop for UpsServer {
    fn drop(&mut self) {
        for process in &mut self.processes {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

#[test]
fn a_nearly_empty_battery_switches_the_box_off_in_order() -> Result<()> {
    if !Path::new("/lib/nut/dummy-ups").exists() || !Path::new("/lib/nut/upsd").exists() {
        println!("SKIPPED: nut-server is not on this machine");
        return Ok(());
    }
    let folder = release::scratch()?;
    let data = installed(&folder.path().join("ups.xfs"))?;
    let mut container = Container::start(&options(data.path())?)?;
    let [a, b, c, _] = container.address().octets();
    let here = format!("{a}.{b}.{c}.1");
    let server = UpsServer::start(&here)?;
    container.run(&[
        "sh",
        "-c",
        &format!(
            "printf '[ups]\\nmonitor = \"battery@{here}\"\\nuser = \"posto\"\\npassword = \"umdois\"\\n' >> /data/posto/facility.toml
             systemctl restart posto-setup.service && systemctl start posto-ups.service"
        ),
    ])?;
    container.wait_open(OPEN_BOUND)?;
    let shown = container.run(&["/usr/bin/posto", "status", "--json"])?;
    ensure!(
        shown.contains(&here) && !shown.contains("umdois"),
        "the UPS's password is shown to anybody: {shown}"
    );

    let begun = since_boot_ms()?;
    server.says("OB DISCHRG")?;
    wait_for_event(&container, "ups-on-battery", begun)?;
    server.says("OL CHRG")?;
    wait_for_event(&container, "ups-online", begun)?;
    let status = container.get("/openmrs/health/started")?.status;
    ensure!(
        status == 200,
        "a short break is no reason to close: {status}"
    );

    let before = boots_of(&container.data())?;
    server.says("OB LB DISCHRG")?;
    let low = Instant::now();
    container.wait_end(OFF_BOUND)?;
    println!(
        "battery low to switched off: {:.1} s",
        low.elapsed().as_secs_f64()
    );
    let after = boots(&data)?;
    ensure!(
        after.ended && after.clean == before.clean + 1,
        "the database did not end in order: {after:?}"
    );

    // Otherwise the next boot would be switched off as well, as it should.
    server.says("OL CHRG")?;
    let begun = since_boot_ms()?;
    let mut container = Container::start(&options(data.path())?)?;
    container.wait_open(OPEN_BOUND)?;
    needed_no_recovery(&container)?;
    let told = happenings(&container, begun)?;
    ensure!(
        told.iter().all(|happening| happening.name != "unclean-end"),
        "{told:?}"
    );
    container.stop()
}

/// The facility file that the tests' boxes have names no UPS: nothing of it may run there.
#[test]
fn without_a_ups_nothing_listens_to_one() -> Result<()> {
    ensure!(!facility_file(1, "x").contains("ups"));
    let folder = release::scratch()?;
    let data = installed(&folder.path().join("no-ups.xfs"))?;
    let container = Container::start(&options(data.path())?)?;
    wait::until("systemd's last word on the boot", OPEN_BOUND, || {
        let state = container.ask(&["systemctl", "is-system-running"])?;
        Ok((state.out.trim() == "running").then_some(()))
    })?;
    let said = container.property("posto-ups", "ConditionResult")?;
    ensure!(said == "no", "{said}");
    ensure!(
        container
            .ask(&["test", "-e", "/run/posto/nut/upsmon.conf"])?
            .code
            != 0
    );
    container.stop()
}
