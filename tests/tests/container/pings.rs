//! A box and its province's hub, both as they are shipped: from quarantine to the first ping, through a silence of the hub, by UDP
//! and by a name.

mod bundle;
mod costs;
mod truth;

use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use posto::health::alarm_code::AlarmCode;
use posto::health::datagram;
use posto::health::frame::{Frame, Unverified};
use posto::health::outbox::Outbox;
use posto::hub::store::Store;
use posto_tests::container::{Container, host_address};
use posto_tests::hub::{Hub, Province};
use posto_tests::installed::admin;
use posto_tests::names::NameServer;
use posto_tests::{release, wait};
use serde_json::Value;

use crate::ground::{
    OPEN_BOUND, add_to_facility, exposure, installed, options, posto, programme_key,
};

/// As in docs/hub.md.
const PORT: u16 = 8470;
const NAME: &str = "hub.posto.test";
const FACILITY: &str = "posto-um";
const SENDER: &str = "posto-ping.service";
/// Twice the box's longest pause after two tries that reached nobody, which the tests do not wait for when all is well.
const HEARD: Duration = Duration::from_secs(240);
/// Free on the disk while the alarm `disk-low` stands; with the 128 MiB that the box holds back it is 160 MiB from "full".
const LITTLE_BYTES: u64 = 352 << 20;
const BALLAST: &str = "/data/ballast";

/// One box and one province, and what stands between them.
struct Ground {
    container: Container,
    province: Province,
    names: NameServer,
    /// Where the box looks for the hub.
    at: String,
}

impl Ground {
    /// What the box says of itself; the command's code only says whether an alarm stands.
    fn status(&self) -> Result<Value> {
        let said = self.container.ask(&["posto", "status", "--json"])?;
        serde_json::from_str(&said.out).with_context(|| format!("{said:?}"))
    }

    /// What waits in the box's spool: urgent, routine.
    fn waiting(&self) -> Result<Option<(u64, u64)>> {
        let status = self.status()?;
        let count = |kind: &str| status.pointer(&format!("/pings/{kind}"))?.as_u64();
        Ok(count("urgent").zip(count("routine")))
    }

    /// Waits until the hub has proven to have all.
    fn emptied(&self) -> Result<()> {
        wait::until("an empty spool", HEARD, || {
            Ok(self.waiting()?.filter(|waiting| *waiting == (0, 0)))
        })
        .with_context(|| format!("{:?}", self.waiting()))
        .map(drop)
    }

    /// The one site, as the hub's command line tells of it.
    fn site(&self) -> Result<Value> {
        let said = self.province.ask(&["sites", "--json"])?;
        let sites: Vec<Value> = serde_json::from_str(&said)?;
        let [site] = sites.as_slice() else {
            anyhow::bail!("not one site: {said}");
        };
        Ok(site.clone())
    }

    /// What the hub keeps of the box, by number.
    fn kept(&self) -> Result<Vec<Frame>> {
        let past = Store::open(self.province.data())?.past(FACILITY, 0, 10_000)?;
        let mut frames: Vec<Frame> = past.into_iter().map(|past| past.frame).collect();
        frames.sort_by_key(|frame| frame.sequence);
        Ok(frames)
    }

    /// As a technician who switches it off and on: what the daemon holds in memory is gone, and it looks and sends at once.
    fn daemon_again(&self) -> Result<()> {
        let again = ["systemctl", "restart", "posto.service"];
        self.container.run(&again).map(drop)
    }

    fn fill_disk(&self) -> Result<()> {
        let status = self.status()?;
        let free = status.pointer("/data_disk/free_bytes");
        let free = free.and_then(Value::as_u64).context("free bytes")?;
        let bytes = free.saturating_sub(LITTLE_BYTES).to_string();
        self.container
            .run(&["fallocate", "--length", &bytes, BALLAST])
            .map(drop)
    }
}

/// Names the hub, the name server and the programme in the facility file of a box that is off.
fn prepare(at: &str, hub_key: &str, recipient: &str) -> Result<()> {
    let host = host_address(1);
    // The file ends in [network].
    let words = format!(
        "dns = [\"{host}\"]\n\n[hub]\nkey = \"{hub_key}\"\nudp = \"{host}:{PORT}\"\nhttps = \"http://{NAME}:{PORT}\"\nevery_minutes = 1\n\n\
         [programme]\nage_recipient = \"{recipient}\"\n"
    );
    add_to_facility(at, &words)
}

#[test]
fn a_box_waits_for_approval_is_heard_and_after_a_silence_all_comes_alarm_first() -> Result<()> {
    let folder = release::scratch()?;
    let (key, recipient) = programme_key(folder.path())?;
    let province = Province::new(&folder.path().join("hub"))?;
    let hub_key = province.ask(&["key"])?;
    let data = installed(&folder.path().join("pings.xfs"))?;
    data.change(|at| prepare(at, &hub_key, &recipient))?;

    let mut container = Container::start(&options(data.path())?)?;
    let host = container.host_address();
    let names = NameServer::start(&format!("{host}:53"), NAME, host.parse()?)?;
    let at = format!("{host}:{PORT}");
    let hub = province.run(&at, &at)?;
    container.wait_open(OPEN_BOUND)?;
    let ground = Ground {
        container,
        province,
        names,
        at,
    };

    let begun = Instant::now();
    let took = |what: &str| println!("{:5.1} s  {what}", begun.elapsed().as_secs_f64());
    introduced_and_approved(&ground)?;
    truth::first_pings(&ground)?;
    took("approved and heard");
    let hub = silence(&ground, hub)?;
    took("a silence of the hub");
    let hub = by_name(&ground, hub)?;
    took("by name");
    sandbox(&ground)?;
    bundle::only_what_is_listed(&ground.container, &key)?;
    took("bundle");
    hub.stop()?;
    let hub = ground.province.run(&ground.at, &ground.at)?;
    costs::printed(&ground, &hub)?;
    let failed = ground
        .container
        .run(&["systemctl", "--failed", "--plain", "--no-legend"])?;
    ensure!(failed.is_empty(), "units failed: {failed}");
    ground.container.stop()
}

/// The box comes into quarantine by itself; nothing of it is kept before an officer has compared the fingerprint.
fn introduced_and_approved(ground: &Ground) -> Result<()> {
    let pending = wait::until("the box in quarantine", HEARD, || {
        let said = ground.province.ask(&["boxes", "--pending"])?;
        Ok(Some(said).filter(|said| !said.is_empty()))
    })?;
    println!("in quarantine: {pending}");
    let fields: Vec<&str> = pending.split('\t').collect();
    let [fingerprint, standing, facility, ..] = fields.as_slice() else {
        anyhow::bail!("{pending}");
    };
    let shown = posto(&ground.container, &["box-key"])?;
    ensure!(
        shown.get("fingerprint").and_then(Value::as_str) == Some(fingerprint),
        "the box shows {shown}"
    );
    ensure!((*standing, *facility) == ("waiting", FACILITY), "{pending}");
    let waiting = wait::until("pings in the spool", HEARD, || {
        Ok(ground.waiting()?.filter(|waiting| waiting.1 > 0))
    })?;
    println!("in the spool before the approval: {waiting:?}");
    ensure!(waiting.0 > 0 && ground.kept()?.is_empty(), "kept unasked");

    // What the first pings after the approval are to tell.
    admin(&ground.container)?.add_patient_named(bundle::PATIENT)?;
    posto(&ground.container, &["snapshot", "take"])?;
    ground.province.ask(&["approve", fingerprint])?;
    let pending = ground.province.ask(&["boxes", "--pending"])?;
    ensure!(pending.is_empty(), "{pending}");
    // A box that was told to wait asks again after a minute, then two and more, or when it begins anew.
    ground.daemon_again()?;
    ground.emptied()
}

/// The hub ends; a ping and an alarm wait; when it is back the alarm goes first, and everything comes once.
fn silence(ground: &Ground, hub: Hub) -> Result<Hub> {
    hub.stop()?;
    let newest = |frames: &[Frame]| frames.last().map(|frame| frame.sequence);
    let before = newest(&ground.kept()?).context("nothing was kept")?;
    ground.daemon_again()?;
    wait::until("a ping that waits", HEARD, || {
        Ok(ground.waiting()?.filter(|waiting| waiting.1 > 0))
    })?;

    // Where the hub was, datagrams are heard and not answered.
    let mute = UdpSocket::bind(&ground.at)?;
    mute.set_read_timeout(Some(HEARD))?;
    ground.fill_disk()?;
    let low = AlarmCode::named("disk-low").number;
    let alarm = wait::until("the alarm's datagram", HEARD, || {
        let first = heard(&mute)?;
        if first.is_some_and(|frame| frame.alarm == Some(low)) {
            return Ok(first);
        }
        // One from before the alarm may be tried again, but not out of the same outbox.
        let outbox = outbox(&ground.container)?;
        let has_it = outbox.letters.iter().any(|letter| {
            let frame = read_frame(&letter.bytes.0);
            frame.is_some_and(|frame| frame.alarm == Some(low))
        });
        ensure!(!has_it, "{first:?} goes before the alarm");
        Ok(None)
    })?;
    let behind = order(&ground.container, alarm.sequence)?;
    println!(
        "while the hub is away: alarm {low} under number {} goes before {behind:?}",
        alarm.sequence
    );
    sender_has_no_rights(&ground.container)?;
    // It tries again after 2 and 4 s more: between the two the hub comes back.
    let again = heard(&mute)?.context("no second try")?;
    ensure!(again.sequence == alarm.sequence, "{again:?}");
    drop(mute);
    let hub = ground.province.run(&ground.at, &ground.at)?;
    ground.emptied()?;

    let frames = ground.kept()?;
    let numbers: Vec<u32> = frames.iter().map(|frame| frame.sequence).collect();
    let last = newest(&frames).context("nothing was kept")?;
    let missing: Vec<u32> = (before + 1..=last)
        .filter(|number| !numbers.contains(number))
        .collect();
    ensure!(
        missing.is_empty() && last >= alarm.sequence,
        "{missing:?} did not come, or {last} is before the alarm"
    );
    let count = |fate| ground.province.messages(&ground.at, fate);
    let (kept, twice) = (count("kept")?, count("duplicate")?);
    // The daemon's restart has forgotten which pings were sent without an answer: these come again, and the hub knows them.
    println!(
        "after the hub's return: numbers {} to {last} came, {kept} kept, {twice} known before",
        before + 1
    );
    // One more may have come between the two looks.
    let by_now = newest(&ground.kept()?).context("nothing was kept")?;
    ensure!(
        (last - before..=by_now - before).contains(&u32::try_from(kept)?),
        "{kept} were kept for {before} to {last}"
    );
    let site = ground.site()?;
    ensure!(
        site.pointer("/alarm").and_then(Value::as_str) == Some("disk-low"),
        "{site}"
    );
    Ok(hub)
}

/// The next datagram, if it is a ping.
fn heard(socket: &UdpSocket) -> Result<Option<Frame>> {
    let mut buffer = [0; 512];
    let length = socket.recv(&mut buffer)?;
    let bytes = buffer.get(..length).context("too long")?;
    let (message, _) = datagram::read(bytes);
    Ok(read_frame(message))
}

fn read_frame(message: &[u8]) -> Option<Frame> {
    let frame = Unverified::parse(message);
    frame.and_then(|frame| frame.unchecked()).ok()
}

/// What the sender was given.
fn outbox(container: &Container) -> Result<Outbox> {
    let text = container.run(&["cat", "/run/posto/pings/outbox.json"])?;
    Ok(serde_json::from_str(&text)?)
}

/// That the sender was given the alarm first; the numbers behind it, which rise.
fn order(container: &Container, alarm: u32) -> Result<Vec<u32>> {
    let outbox = outbox(container)?;
    let numbers: Vec<u32> = outbox.letters.iter().map(|it| it.sequence).collect();
    let behind = numbers.strip_prefix(&[alarm]).context("not the first")?;
    ensure!(
        !behind.is_empty() && behind.is_sorted() && behind.iter().all(|&number| number < alarm),
        "{numbers:?}"
    );
    Ok(behind.to_vec())
}

/// A link that carries no UDP: the post goes to the hub's name, which the static program asks the network's name server for.
fn by_name(ground: &Ground, hub: Hub) -> Result<Hub> {
    hub.stop()?;
    let hub = ground.province.run(&ground.at, "127.0.0.1:0")?;
    ground.container.run(&["rm", BALLAST])?;
    wait::until("the alarm's end at the hub", HEARD, || {
        let frames = ground.kept()?;
        Ok(frames
            .last()
            .filter(|frame| frame.alarm.is_none())
            .map(drop))
    })?;
    ground.emptied()?;
    let status = ground.status()?;
    println!(
        "by name: {} questions to the name server, {:?} bytes of pings so far",
        ground.names.told(),
        status.pointer("/pings/spent_bytes")
    );
    ensure!(ground.names.told() > 0, "the name was not asked for");
    Ok(hub)
}

/// A sender under way: the user posto without a capability, filtered, in namespaces of its own where there are no data.
fn sender_has_no_rights(container: &Container) -> Result<()> {
    let pid = container.property(SENDER, "MainPID")?;
    ensure!(pid != "0", "the sender has ended");
    let proc = Path::new("/proc").join(pid);
    let read = |name: &str| proc.join(name).display().to_string();
    let status = container.run(&["cat", &read("status")])?;
    let has = |name: &str, value: &str| {
        let mut lines = status.lines().filter_map(|line| line.split_once(':'));
        lines.any(|(key, said)| key == name && said.split_whitespace().next() == Some(value))
    };
    let none = "0000000000000000";
    for (name, value) in [
        ("Uid", "813"),
        ("Gid", "813"),
        ("CapEff", none),
        ("CapPrm", none),
        ("CapBnd", none),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        ensure!(has(name, value), "the sender's {name}:\n{status}");
    }
    let seen = container.run(&["stat", "--format=%a", &read("root/data")])?;
    let listed = container.run(&["ls", "-A", &read("root/data")])?;
    ensure!(
        seen.trim() == "0" && listed.is_empty(),
        "the sender sees data: {seen} {listed}"
    );
    Ok(())
}

fn sandbox(ground: &Ground) -> Result<()> {
    let level = exposure(&ground.container, SENDER)?;
    println!("exposure of {SENDER}: {level}");
    ensure!(level <= 2.0, "{SENDER} is exposed: {level}");
    let words =
        ground
            .container
            .run(&["journalctl", "--unit", SENDER, "--output=cat", "--no-pager"])?;
    ensure!(
        words.contains("Finished") && !words.contains("Failed"),
        "{words}"
    );
    Ok(())
}
