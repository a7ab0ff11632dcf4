//! What a box finds after a cut, by its own code, beside what it had acknowledged.

use std::path::Path;

use posto::update::slot;
use posto_signing::bounds::Bounds;
use posto_signing::state::{DatabaseState, Opened, TrustedState};
use serde_json::Value;

use super::ground_of_slots::tells_the_truth;
use super::release;
use super::work::{self, PATCH, STATE, Story};

/// How often what was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) rollbacks_refused: u32,
    pub(crate) updates_after: u32,
    pub(crate) patches_completed: u32,
    pub(crate) slots_bootable: u32,
    pub(crate) slots_empty: u32,
}

/// What is wrong on the disk mounted at `at`, after a cut at `position`.
pub(crate) fn check(at: &Path, story: &Story, position: u64, found: &mut Found) -> Vec<String> {
    let mut complaints = Vec::new();
    trusted(at, story, position, found, &mut complaints);
    fetched(at, story, found, &mut complaints);
    staged(at, story, position, found, &mut complaints);
    complaints
}

fn trusted(at: &Path, story: &Story, position: u64, found: &mut Found, wrong: &mut Vec<String>) {
    let (mut state, opened) = DatabaseState::open(&at.join(STATE)).unwrap();
    if opened != Opened::Sound {
        wrong.push("the trusted state was damaged".to_owned());
    }
    let stored = state.load(&Bounds::default()).unwrap();
    let version = |file: &[u8]| {
        let file: Value = serde_json::from_slice(file).unwrap();
        file.pointer("/signed/version").and_then(Value::as_u64)
    };
    let root = stored.root.as_deref().and_then(version);
    let timestamp = stored.roles.iter().find_map(|(role, file)| {
        (role.as_str() == "timestamp")
            .then(|| version(file))
            .flatten()
    });
    let floor = state.release_floor_built_s().unwrap();
    let last = story
        .trusted
        .iter()
        .rfind(|one| one.acknowledged <= position);
    if let Some(last) = last {
        let (root_then, timestamp_then, floor_then) = last.what;
        // A rotated key's role is forgotten until its next file is there; the snapshot's stays.
        let begun = story.trusted.iter().any(|one| {
            one.begun < position && position < one.acknowledged && one.what.0 > root_then
        });
        if root.is_none_or(|version| version < root_then)
            || (timestamp.is_none_or(|version| version < timestamp_then) && !begun)
            || floor.is_none_or(|built_s| built_s < floor_then)
        {
            wrong.push(format!(
                "trusted: root {root:?}, timestamp {timestamp:?}, floor {floor:?}; acknowledged {:?}",
                last.what
            ));
        }
        // A mirror that shows what was there before.
        if let Some((_, older)) = story.pictures.range(..timestamp_then).next_back()
            && timestamp.is_some()
        {
            story.made.server.show(older.clone());
            match story.made.update(&mut state) {
                Err(_) => found.rollbacks_refused += 1,
                Ok(_) => wrong.push("an older repository was taken".to_owned()),
            }
        }
    }
    if let Some((_, newest)) = story.pictures.last_key_value() {
        story.made.server.show(newest.clone());
        match story.made.update(&mut state) {
            Ok(_) => found.updates_after += 1,
            Err(error) => wrong.push(format!("the newest repository was refused: {error}")),
        }
    }
}

fn fetched(at: &Path, story: &Story, found: &mut Found, wrong: &mut Vec<String>) {
    let said = super::made::Said::Parts(story.patch.clone(), usize::MAX);
    story.made.server.say("targets/patch", said);
    work::go_on(at, story);
    if std::fs::read(at.join(PATCH)).unwrap() == story.patch {
        found.patches_completed += 1;
    } else {
        wrong.push("the fetched patch is not the signed one".to_owned());
    }
}

fn staged(at: &Path, story: &Story, position: u64, found: &mut Found, wrong: &mut Vec<String>) {
    let slot = release::slot(at);
    let said = slot::said(&slot).unwrap();
    let name = said.as_ref().map(|env| env.release.as_str().to_owned());
    match &said {
        None => found.slots_empty += 1,
        Some(_) if tells_the_truth(&slot) => found.slots_bootable += 1,
        Some(_) => wrong.push(format!(
            "the slot says that it holds {name:?}, and does not"
        )),
    }
    let last = story
        .staged
        .iter()
        .rfind(|one| one.acknowledged <= position);
    let begun = story
        .staged
        .iter()
        .find(|one| one.begun < position && position < one.acknowledged);
    let may_be = |name: &str| {
        last.is_some_and(|one| one.what == name) || begun.is_some_and(|one| one.what == name)
    };
    match (&name, begun) {
        (Some(name), _) if !may_be(name) => wrong.push(format!("the slot holds {name}")),
        (None, None) if last.is_some() => wrong.push("a staged slot is empty".to_owned()),
        _ => {}
    }
    // The next night.
    if let Err(error) = release::stage(at, 9) {
        wrong.push(format!("it cannot be filled again: {error}"));
    }
}
