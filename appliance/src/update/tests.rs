//! A publisher, a worker and root, each with its own part: what is signed reaches the slot, what is not never does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use posto_release::manifest::ROOT;
use posto_release::slot_env::{INITRD, KERNEL};
use posto_signing::publish::ceremony::{Ceremony, Quorum};
use posto_signing::publish::key_file::KeyRing;
use posto_signing::publish::keys::Keys;
use posto_signing::publish::passphrase::Passphrases;
use posto_signing::publish::patch_plan::PatchPlan;
use posto_signing::publish::release as published;
use posto_signing::publish::repository::{Lifetimes, Repository};
use posto_signing::publish::signer::Scheme;
use posto_signing::source::FolderSource;

use super::accept::{self, AcceptError, Offered, Patch};
use super::gather::{self, Giver, Ground as Work_};
use super::ground::{ROOM, Release, ground, release, tells_the_truth};
use super::order::{Order, Work};
use super::said::{Found, Said, Step};
use super::slot::said;
use super::trouble::Trouble;
use super::trust::{self, Trust};
use super::{stage, stick};
use crate::facility::Facility;
use crate::places::Places;

/// 2026-11-28.
const NOW_S: i64 = 1_795_824_000;
/// When the running release was built.
const BUILT_S: i64 = NOW_S - 1_000_000;
const LIFETIMES: Lifetimes = Lifetimes {
    targets_s: 1_000_000,
    snapshot_s: 1_000_000,
    timestamp_s: 1_000_000,
};

struct Accepted {
    offered: Offered,
    patch: Patch,
}

/// A publisher with its repository in `r`, and a box that runs the first of its releases.
struct Site {
    folder: tempfile::TempDir,
    places: Places,
    running: Release,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("passphrase"), "correct horse\n").unwrap();
        let ceremony = Ceremony::new(&at("ceremony"));
        let quorum = Quorum {
            threshold: 1,
            keys: 1,
        };
        let quorums: BTreeMap<String, Quorum> = ["root", "targets", "snapshot", "timestamp"]
            .map(|role| (role.to_owned(), quorum))
            .into();
        let plan = ceremony
            .plan_init(
                &KeyRing::read(&[]).unwrap(),
                &quorums,
                Scheme::Ed25519,
                NOW_S + 9_000_000,
            )
            .unwrap();
        let mut keys = Keys::new(
            KeyRing::read(&[]).unwrap(),
            Passphrases::of_file(at("passphrase")),
        );
        ceremony.execute(&plan, &mut keys, 14).unwrap();
        let places = Places::under(&at("box"));
        for path in [
            places.posto(),
            places.run(),
            places.update_worker(),
            places.update_live(),
            places.update_patches(),
            places.trusted_root().parent().unwrap().to_path_buf(),
        ] {
            std::fs::create_dir_all(path).unwrap();
        }
        std::fs::copy(at("ceremony/root/1.root.json"), places.trusted_root()).unwrap();
        let running = newer("a", 0);
        std::fs::write(
            places.release(),
            running.manifest.identity.to_json().unwrap(),
        )
        .unwrap();
        let site = Self {
            folder,
            places,
            running,
        };
        site.publish(&site.running, &[]);
        site
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Publishes a release, with patches from these others.
    fn publish(&self, release: &Release, from: &[&str]) {
        let name = &release.manifest.identity.release;
        let folder = self.at(name);
        std::fs::create_dir(&folder).unwrap();
        for (file, content) in [
            (ROOT, &release.root),
            (KERNEL, &release.kernel),
            (INITRD, &release.initrd),
        ] {
            std::fs::write(folder.join(file), content).unwrap();
        }
        let manifest = release.manifest.to_json().unwrap();
        std::fs::write(folder.join("manifest.json"), manifest).unwrap();
        let roots = Ceremony::new(&self.at("ceremony")).roots().unwrap();
        let mut keys = Keys::new(
            KeyRing::read(&[self.at("ceremony/keys")]).unwrap(),
            Passphrases::of_file(self.at("passphrase")),
        );
        let repository = Repository::open(&self.at("r"), roots.first(), NOW_S).unwrap();
        let mut release = published::Release::read(&folder, "stable").unwrap();
        let older: Vec<PathBuf> = from.iter().map(|name| self.at(name)).collect();
        PatchPlan::new(&repository, &release, &[], &older)
            .unwrap()
            .execute(&folder, &mut release, &mut |_| {})
            .unwrap();
        let targets = repository.with_release(&release).unwrap();
        let publication = repository
            .sign(
                Some(&targets),
                release.copies,
                &roots,
                &mut keys,
                LIFETIMES,
                NOW_S,
            )
            .unwrap();
        publication.execute(&self.at("r"), &mut |_| {}).unwrap();
    }

    fn order(&self) -> (Trust, Order) {
        let trust = Trust::read(&self.places).unwrap();
        let mut order = Order::of(&Facility::default(), &trust, 8_000, u64::MAX);
        order.work = Work::Fetch;
        (trust, order)
    }

    fn worker(&self, order: &Order, from: &[(&Path, bool)]) -> Said {
        let mut givers: Vec<Giver> = from
            .iter()
            .map(|(folder, costs)| Giver {
                name: folder.display().to_string(),
                source: Box::new(FolderSource::new(folder)),
                costs: *costs,
            })
            .collect();
        let (state, live) = (self.places.update_worker(), self.places.update_live());
        let anchor = std::fs::read(self.places.trusted_root()).unwrap();
        let _ = gather::run(
            &mut Work_ {
                state: &state,
                live: &live,
                order,
                anchor: &anchor,
                clock_s: NOW_S,
                pause: &mut |_| {},
                random: &mut || 0,
            },
            &mut givers,
        );
        Said::read(&state)
    }

    fn accept(&self, order: &Order) -> Result<Accepted, AcceptError> {
        self.accept_from(&self.places.update_worker().join("repository"), order)
    }

    /// All that root does before it writes.
    fn accept_from(&self, folder: &Path, order: &Order) -> Result<Accepted, AcceptError> {
        let trust = Trust::read(&self.places).unwrap();
        let mut state = trust::open(&self.places).unwrap();
        let mut offered = accept::offered(folder, &trust, order, NOW_S, &mut state)?;
        let to = self.places.update_patches();
        let patch = offered.patch(folder, order, &to, &mut state)?;
        Ok(Accepted { offered, patch })
    }

    fn forget_what_root_knows(&self) {
        let patches = std::fs::read_dir(self.places.update_patches()).unwrap();
        let posto = std::fs::read_dir(self.places.posto()).unwrap();
        for entry in patches.chain(posto) {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::remove_file(path).unwrap();
            }
        }
    }

    /// A file below the worker's folder whose name ends so.
    fn brought(&self, ending: &str) -> PathBuf {
        let mut pending = vec![self.places.update_worker().join("repository")];
        while let Some(path) = pending.pop() {
            if path.is_dir() {
                let entries = std::fs::read_dir(path).unwrap();
                pending.extend(entries.map(|entry| entry.unwrap().path()));
            } else if path.to_str().unwrap().ends_with(ending) {
                return path;
            }
        }
        panic!("no file ...{ending}");
    }
}

/// A release built `seed` seconds after the one that runs, which has 0.
fn newer(name: &str, seed: u8) -> Release {
    let mut release = release(name, seed);
    release.manifest.identity.built = u64::try_from(BUILT_S).unwrap() + u64::from(seed);
    release
}

#[test]
fn a_published_release_comes_over_the_link_is_verified_again_and_stands_in_the_slot() {
    let site = Site::new();
    let b = newer("b", 2);
    site.publish(&b, &["a"]);
    let (_, order) = site.order();
    let told = site.worker(&order, &[(&site.at("r"), true)]);
    assert_eq!((told.step, told.fetched()), (Step::Fetched, Some("b")));
    let Found::Offered { bytes, patch, .. } = told.found else {
        panic!("{told:?}");
    };
    assert!(patch);
    assert!(told.paid_bytes > bytes, "lists are paid for, too");
    let paid = told.paid_bytes;
    // Once more: nothing but the lists.
    let told = site.worker(&order, &[(&site.at("r"), true)]);
    assert_eq!(told.step, Step::Fetched);
    assert!(told.paid_bytes - paid < paid, "{} {paid}", told.paid_bytes);

    let accepted = site.accept(&order).unwrap();
    assert_eq!(
        (
            accepted.offered.terms.release.as_str(),
            accepted.patch.whole
        ),
        ("b", false)
    );
    let (running, other) = (ground(ROOM), ground(ROOM));
    std::fs::write(&running.slot.root, &site.running.root).unwrap();
    std::fs::write(running.slot.boot.join(KERNEL), &site.running.kernel).unwrap();
    std::fs::write(running.slot.boot.join(INITRD), &site.running.initrd).unwrap();
    stage::stage(
        other.slot.clone(),
        &running.slot,
        accepted.offered.manifest,
        &accepted.patch.file,
        &site.places.update_patches(),
        &mut |_| {},
    )
    .unwrap();
    assert_eq!(
        said(&other.slot).unwrap().unwrap().verity,
        b.manifest.verity
    );
    assert!(tells_the_truth(&other.slot));
}

#[test]
fn what_the_worker_changes_on_the_way_root_does_not_take() {
    let site = Site::new();
    site.publish(&newer("b", 2), &["a"]);
    let (_, order) = site.order();
    let bring = || {
        assert_eq!(
            site.worker(&order, &[(&site.at("r"), true)]).fetched(),
            Some("b")
        );
    };
    for ending in [
        "a.patch",
        "manifest.json",
        "timestamp.json",
        "snapshot.json",
        "targets.json",
    ] {
        bring();
        let path = site.brought(ending);
        let good = std::fs::read(&path).unwrap();
        site.forget_what_root_knows();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        assert!(site.accept(&order).is_err(), "{ending} flipped");
        std::fs::remove_file(&path).unwrap();
        assert!(site.accept(&order).is_err(), "{ending} away");
        // A link to what root may read and the worker may not.
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(site.accept(&order).is_err(), "{ending} a link");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, &good).unwrap();
        assert!(site.accept(&order).is_ok(), "{ending} good again");
    }
    // What root has verified once is its own: the worker's copy does not matter any more.
    std::fs::write(site.brought("a.patch"), b"other").unwrap();
    assert!(site.accept(&order).is_ok());
}

#[test]
fn older_lists_and_releases_below_the_floor_stay_outside_whatever_the_worker_says() {
    let site = Site::new();
    site.publish(&newer("b", 2), &["a"]);
    let old = site.at("old");
    copy_tree(&site.at("r"), &old);
    site.publish(&newer("c", 3), &["a"]);
    let (_, order) = site.order();
    assert_eq!(
        site.worker(&order, &[(&site.at("r"), true)]).fetched(),
        Some("c")
    );
    site.accept(&order).unwrap();
    let replayed = site.accept_from(&old, &order).err();
    assert!(
        matches!(replayed, Some(AcceptError::Update(_))),
        "{replayed:?}"
    );
    // Emptied state: the floor of the image holds, and root's own beside it.
    let mut state = trust::open(&site.places).unwrap();
    state.raise_release_floor(BUILT_S + 3).unwrap();
    drop(state);
    let (_, order) = site.order();
    assert!(matches!(
        site.accept(&order).err(),
        Some(AcceptError::UpToDate)
    ));
    // An order that claims a lower floor is the worker's business only.
    let lying = Order {
        floor_built_s: 0,
        ..order
    };
    assert_eq!(site.order().1.floor_built_s, BUILT_S + 3);
    assert!(site.accept(&lying).is_ok(), "root makes its own order");
}

#[test]
fn a_budget_that_is_spent_stops_the_link_and_a_stick_completes_it() {
    let site = Site::new();
    site.publish(&newer("b", 2), &["a"]);
    let (_, mut order) = site.order();
    order.megabytes_a_month = 0;
    let told = site.worker(&order, &[(&site.at("r"), true)]);
    assert_eq!(told.step, Step::Failed);
    assert_eq!(told.trouble, Some(Trouble::OverBudget), "said why");
    assert!(site.accept(&order).is_err());
    let told = site.worker(&order, &[(&site.at("r"), false)]);
    assert_eq!(told.fetched(), Some("b"));
    assert!(site.accept(&order).is_ok());
}

#[test]
fn a_held_box_takes_nothing_by_itself_and_by_hand_it_does() {
    let site = Site::new();
    site.publish(&newer("b", 2), &["a"]);
    let (_, mut order) = site.order();
    order.updates = "hold".parse().unwrap();
    let told = site.worker(&order, &[(&site.at("r"), true)]);
    assert!(matches!(told.found, Found::Waits { .. }), "{told:?}");
    assert_eq!(told.have_bytes, 0);
    order.by_hand = true;
    assert_eq!(
        site.worker(&order, &[(&site.at("r"), true)]).fetched(),
        Some("b")
    );
    assert!(site.accept(&order).is_ok());
    order.by_hand = false;
    assert!(matches!(
        site.accept(&order),
        Err(AcceptError::Waits { .. })
    ));
}

#[test]
fn a_stick_without_the_patch_gives_the_whole_and_a_dead_link_does_not() {
    let site = Site::new();
    site.publish(&newer("b", 2), &["a"]);
    let lacking = site.at("lacking");
    copy_tree(&site.at("r"), &lacking);
    let patches = lacking.join("targets/releases/b/patches");
    for entry in std::fs::read_dir(&patches).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().ends_with("a.patch") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let (_, order) = site.order();
    let told = site.worker(&order, &[(&lacking, true)]);
    assert_eq!(told.step, Step::Failed, "{told:?}");
    assert!(matches!(told.found, Found::Offered { patch: true, .. }));
    let told = site.worker(&order, &[(&lacking, false)]);
    assert_eq!(told.fetched(), Some("b"));
    let accepted = site.accept(&order).unwrap();
    assert!(accepted.patch.whole);
}

#[test]
fn lost_lists_are_fetched_again_and_no_source_is_said() {
    let site = Site::new();
    site.publish(&newer("b", 2), &["a"]);
    let (_, order) = site.order();
    let told = site.worker(&order, &[]);
    assert_eq!(told.step, Step::Failed);
    site.worker(&order, &[(&site.at("r"), true)]);
    for ending in ["timestamp.json", "snapshot.json", "targets.json"] {
        std::fs::write(site.brought(ending), b"{").unwrap();
        let told = site.worker(&order, &[(&site.at("r"), true)]);
        assert_eq!(told.fetched(), Some("b"), "{ending}: {told:?}");
        assert!(site.accept(&order).is_ok(), "{ending}");
    }
    // The first mirror is empty: the second is asked.
    let empty = site.at("empty");
    std::fs::create_dir(&empty).unwrap();
    let told = site.worker(&order, &[(&empty, true), (&site.at("r"), true)]);
    assert_eq!(told.fetched(), Some("b"));
    assert_eq!(stick::repository(&empty), empty);
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_tree(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}
