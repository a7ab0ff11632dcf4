//! Patches as signed targets: from the publisher's folder to a box's images.

use posto_delta::apply;
use posto_delta::index::Index;
use posto_delta::make::{self, Options};
use posto_signing::fetch::Partial;
use posto_signing::http::{Authorities, HttpSource, Patience};
use posto_signing::rollout::{self, Decision, Site, Updates};
use posto_signing::state::MemoryState;
use posto_signing::update;
use posto_signing::workflow::{Policy, Workflow};

use crate::ground::{Ground, serve};
use crate::made::{NOW_S, Said, fetch_from};

/// Bytes that do not compress, a few of them others in each edition.
fn content(edition: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut bytes: Vec<u8> = (0..1_500_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        })
        .collect();
    for byte in bytes.iter_mut().step_by(50_000).take(edition) {
        *byte ^= 0xff;
    }
    bytes
}

fn patch_file(ground: &Ground, from: Option<&str>, to: &str, out: &str) {
    let from = from.map(|from| ground.path(from));
    let patch =
        make::release::patch(from.as_deref(), &ground.path(to), &Options::default()).unwrap();
    let mut bytes = Vec::new();
    patch.write(&mut bytes).unwrap();
    std::fs::write(ground.path(out), bytes).unwrap();
}

/// What a box does, over a link that dies: refresh, decide, the manifest, the cheapest way, its pieces, the patch, the images.
#[test]
fn a_box_comes_to_a_published_release_by_the_cheapest_patch_over_a_dying_link() {
    let ground = Ground::new();
    ground.init();
    ground.release("a", 1_000, &content(0));
    ground.publish("a", &[]);
    ground.release("b", 2_000, &content(9));
    patch_file(&ground, Some("a"), "b", "a-b.patch");
    ground.publish("b", &["--patch", "a-b.patch"]);

    let server = serve(&ground.path("r"));
    for (path, said) in server.picture() {
        if let Said::File(bytes) = said
            && path.ends_with(".patch")
        {
            server.say(&path, Said::Parts(bytes, 100_000));
        }
    }
    let base = format!("http://{}", server.address);
    let (metadata, targets) = (format!("{base}/metadata"), format!("{base}/targets"));
    let mirror = || {
        let patience = Patience::default();
        HttpSource::new(&metadata, Some(&targets), patience, &Authorities::Public)
    };
    for (running, whole) in [("a", false), ("something else", true)] {
        let anchor = std::fs::read(ground.path("c/root/1.root.json")).unwrap();
        let mut state = MemoryState::default();
        let mut workflow =
            Workflow::begin(&anchor, state.stored.clone(), Policy::of_a_box(), NOW_S).unwrap();
        let mut source = mirror();
        update::refresh(&mut workflow, &mut source, &mut state).unwrap();
        let signed = workflow.targets().unwrap().clone();
        let site = Site {
            facility: "mz-1",
            updates: Updates::Auto,
            channel: "stable",
            memory_mib: 4_000,
            disk_bytes: u64::MAX,
            floor_built_s: 1_000,
            now_s: NOW_S,
        };
        let Decision::Take(terms) = rollout::decide(&rollout::releases(&signed), &site) else {
            panic!("nothing to take");
        };
        assert_eq!(terms.release, "b");
        let path = rollout::manifest_path(&terms.release);
        let found = update::find(&mut workflow, &path, &mut source, &mut state).unwrap();
        let manifest = update::target_bytes(&found, true, &mut source, 1 << 20).unwrap();
        assert_eq!(
            manifest,
            std::fs::read(ground.path("b/manifest.json")).unwrap()
        );
        let ways = rollout::ways(&signed, &terms.release, running);
        assert_eq!(ways.len(), if whole { 1 } else { 2 });
        let way = &ways[0];
        assert_eq!(way.whole, whole);
        let fetchable = update::fetchable(&mut workflow, way, &mut source, &mut state).unwrap();
        assert_eq!(fetchable.pieces.bytes(), way.bytes);
        let at = ground.path("patch.partial");
        let mut partial = Partial::open(&at, &fetchable.pieces).unwrap();
        let paid = fetch_from(
            &mut source,
            &fetchable.path,
            &fetchable.pieces,
            &mut partial,
        )
        .unwrap();
        assert_eq!(paid.paid_bytes, way.bytes);
        let patch = std::fs::read(&at).unwrap();
        fetchable.file.hashes.check(&patch).unwrap();
        if !whole {
            assert_eq!(patch, std::fs::read(ground.path("a-b.patch")).unwrap());
            assert!(patch.len() < 10_000, "{}", patch.len());
        }
        let index = Index::read(&mut patch.as_slice()).unwrap();
        for (number, image) in index.images().iter().enumerate() {
            let old = std::fs::read(ground.path("a").join(&image.name)).unwrap();
            let new = tempfile::tempfile().unwrap();
            let old = if whole { &[][..] } else { &old };
            apply::image(&index, number, 0, patch.as_slice(), old, &new, |_| {}).unwrap();
            let mut made = Vec::new();
            std::io::Seek::rewind(&mut &new).unwrap();
            std::io::Read::read_to_end(&mut &new, &mut made).unwrap();
            assert!(made == std::fs::read(ground.path("b").join(&image.name)).unwrap());
        }
        std::fs::remove_file(&at).unwrap();
    }
}

fn publish<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let words = ["publish", "b", "--ceremony", "c", "--repo", "r"];
    [&words[..], more].concat()
}

#[test]
fn patches_are_named_by_what_they_begin_with_and_anything_else_is_refused() {
    let ground = Ground::new();
    ground.init();
    for (number, name) in ["a", "b", "z"].into_iter().enumerate() {
        ground.release(name, number as u64, &content(number));
    }
    patch_file(&ground, Some("a"), "b", "a-b.patch");
    patch_file(&ground, Some("a"), "z", "a-z.patch");
    patch_file(&ground, None, "b", "whole.patch");
    let refused = |more: &[&str], why: &str| {
        let said = ground.refused(&publish(more));
        assert!(said.contains(why), "{more:?}: {said}");
        assert!(!ground.path("r/metadata/timestamp.json").exists());
    };
    refused(&["--patch", "a-b.patch"], "--patch RELEASE=a-b.patch");
    refused(
        &["--patch", "a-z.patch"],
        "does not make this release's root.erofs",
    );
    refused(
        &["--patch", "x=whole.patch"],
        "does not begin with the release x",
    );
    refused(&["--patch", "b=a-b.patch"], "to itself");
    refused(&["--patch", "whole=a-b.patch"], "no release's name");
    refused(&["--patch", "none"], "no such file");
    refused(&["--patch", "b/root.erofs"], "not a Posto patch");
    refused(&["--from", "a", "--patch", "a=a-b.patch"], "a second patch");
    refused(&["--from", "b"], "to itself");
    let whole = std::fs::read(ground.path("a-b.patch")).unwrap();
    let (last, cut) = (whole.len() - 1, whole.len() - 2);
    let mut flipped = whole.clone();
    flipped[last] ^= 1;
    let longer = [whole.as_slice(), b"x"].concat();
    for (bytes, why) in [
        (&flipped[..], "not the one that its head names"),
        (&whole[..cut], "ends before its last frame"),
        (&longer[..], "after its last frame"),
    ] {
        std::fs::write(ground.path("bad.patch"), bytes).unwrap();
        refused(&["--patch", "a=bad.patch"], why);
    }
    // Named, as what it begins with was never published here.
    let said = ground.signed(&publish(&[
        "--patch",
        "a=a-b.patch",
        "--patch",
        "whole.patch",
    ]));
    assert!(!said.contains("made"), "{said}");
    // One more for the same release, which keeps its terms; nothing else is made again.
    let change = [
        "change",
        "b",
        "--ceremony",
        "c",
        "--repo",
        "r",
        "--percent",
        "7",
    ];
    ground.signed(&change);
    let said = ground.signed(&publish(&["--from", "z"]));
    assert!(said.contains("7 of 100 rings"), "{said}");
    assert!(said.contains("made the patch from z"), "{said}");
    assert!(said.contains("published already"), "{said}");
    // Of another release under a published name.
    ground.signed(&["publish", "z", "--ceremony", "c", "--repo", "r"]);
    let named = ground.refused(&publish(&["--patch", "z=a-b.patch"]));
    assert!(
        named.contains("does not begin with the release z"),
        "{named}"
    );
    std::fs::rename(ground.path("z"), ground.path("old-z")).unwrap();
    ground.release("z", 9, &content(5));
    let other = ground.refused(&publish(&["--from", "z"]));
    assert!(other.contains("is not the release z"), "{other}");
    // The reserved name.
    ground.release("whole", 3, &content(3));
    let said = ground.refused(&["publish", "whole", "--ceremony", "c", "--repo", "r"]);
    assert!(said.contains("cannot be named"), "{said}");
}

#[test]
fn a_stick_carries_the_whole_patch_and_those_that_are_named() {
    let ground = Ground::new();
    ground.init();
    for (number, name) in ["x", "y", "z"].into_iter().enumerate() {
        ground.release(name, number as u64, &content(number));
    }
    ground.publish("z", &["--from", "x", "--from", "y"]);
    let files = |stick: &str| -> Vec<String> {
        let folder = ground
            .path(stick)
            .join("posto-repository/targets/releases/z/patches");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name.split_once('.').unwrap().1.to_owned()
            })
            .collect();
        names.sort();
        names
    };
    for stick in ["all", "one"] {
        std::fs::create_dir(ground.path(stick)).unwrap();
    }
    ground.signed(&["stage", "--repo", "r", "--to", "all"]);
    assert_eq!(
        files("all"),
        [
            "whole.patch",
            "whole.pieces",
            "x.patch",
            "x.pieces",
            "y.patch",
            "y.pieces"
        ]
    );
    ground.signed(&["stage", "--repo", "r", "--to", "one", "--from", "y"]);
    assert_eq!(
        files("one"),
        ["whole.patch", "whole.pieces", "y.patch", "y.pieces"]
    );
    let said = ground.refused(&["stage", "--repo", "r", "--to", "one", "--from", "w"]);
    assert!(said.contains("no patch from w to z"), "{said}");
}
