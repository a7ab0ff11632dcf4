#![allow(clippy::disallowed_methods, reason = "a test's files")]

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::*;
use crate::database::server::{MYSQL_ID, OPENMRS_ID};
use crate::snapshot::export::tests::{SMALL_PIECES, export, plan_of, ready_box, snapshot, tree};
use crate::snapshot::export::to_stream;
use crate::snapshot::shelf;

const CLOCKS: (u64, Duration) = (1_795_369_791, Duration::from_secs(100));

/// A box that burned, its copy on a stick, and a new box.
struct Ground {
    dir: tempfile::TempDir,
    old: Places,
    new: Places,
    copy: PathBuf,
    code: String,
    _homes: [tempfile::TempDir; 2],
}

impl Ground {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (old_home, old) = ready_box();
        let (new_home, new) = ready_box();
        let copy = export(&old, snapshot(&old), dir.path());
        let code = recovery::to_note(&old).unwrap().unwrap();
        Self {
            dir,
            old,
            new,
            copy,
            code,
            _homes: [old_home, new_home],
        }
    }

    fn signer(&self) -> PublicKey {
        BoxKey::read(&self.old).unwrap().public()
    }

    fn accepted(&self, path: &Path) -> Result<Accepted, ImportError> {
        accept(&self.new, path, Some(self.signer().fingerprint()))
    }

    fn import(&self, path: &Path) -> Result<Id, ImportError> {
        let accepted = self.accepted(path)?;
        let identity = recovery::open(&accepted.sealed_identity()?, &self.code)?;
        accepted.bring_in(&self.new, &[identity], CLOCKS, &mut |_| {})
    }

    /// Nothing stands on the shelf and nothing lies about.
    fn nothing_came(&self) {
        assert!(shelf::list(&self.new).unwrap().is_empty());
        let left = std::fs::read_dir(self.new.staging()).unwrap().count();
        assert_eq!(left, 0);
        if self.new.snapshots().exists() {
            assert_eq!(std::fs::read_dir(self.new.snapshots()).unwrap().count(), 0);
        }
    }

    fn original(&self) -> PathBuf {
        self.old.snapshots().join("000001")
    }
}

#[test]
fn a_copy_comes_in_on_another_box_with_the_code_alone_and_is_not_proven_there() {
    let ground = Ground::new();
    // Neither the old box nor the programme's key is there any more; two numbers are given on the new one already.
    let _ = (snapshot(&ground.new), snapshot(&ground.new));
    let before = shelf::list(&ground.new).unwrap();
    let id = ground.import(ground.dir.path()).unwrap();
    assert_eq!(id.number(), 3);
    let all = shelf::list(&ground.new).unwrap();
    let brought = all.last().unwrap();
    assert_eq!((brought.id(), brought.proofs.len()), (id, 0));
    assert!(!brought.is_proven());
    let origin = Manifest::read(&ground.original()).unwrap();
    assert_eq!(
        brought.manifest.reason,
        Reason::Imported {
            facility: origin.facility.clone(),
            id: origin.id
        }
    );
    assert_eq!(brought.manifest.release, origin.release);
    assert_eq!(brought.manifest.highest, origin.highest);
    assert!(brought.manifest.moment.effective_s >= before[1].manifest.moment.effective_s);
    assert_eq!(tree(&brought.directory), tree(&ground.original()));
    let owner = |path: &str| std::fs::metadata(brought.directory.join(path)).unwrap();
    assert_eq!(owner("database/openmrs/obs.ibd").uid(), MYSQL_ID);
    assert_eq!(owner("openmrs/modules").gid(), OPENMRS_ID);
    let redo = owner("database/ib_logfile0");
    assert_eq!(redo.len(), 64 << 20);
    assert!(redo.blocks() * 512 < 1 << 20, "holes stay holes");
    assert!(brought.directory.join(ORIGIN).exists());
    // What the copy lacks is known here; links that came are OpenMRS's own.
    let lacks = &brought.manifest.left_out;
    assert_eq!(lacks.told(), "openmrs/link -> /etc/passwd");
    assert!(origin.left_out.is_nothing());
    let link = brought.directory.join("openmrs/again");
    assert_eq!(std::fs::read_link(&link).unwrap(), Path::new("current/up"));
    assert_eq!(std::fs::symlink_metadata(&link).unwrap().uid(), OPENMRS_ID);
}

#[test]
fn one_tar_file_from_a_stream_comes_in_as_the_directory_does() {
    let ground = Ground::new();
    let file = ground.dir.path().join("copy.tar");
    let out = Box::new(std::fs::File::create(&file).unwrap());
    let plan = plan_of(&ground.old, Id::new(1).unwrap());
    let done = to_stream(&ground.old, &plan, out, &mut |_| {}).unwrap();
    assert!(done.pieces > 3 && done.path.is_none());
    assert_eq!(std::fs::read_dir(ground.old.staging()).unwrap().count(), 0);
    let id = ground.import(&file).unwrap();
    let brought = ground.new.snapshots().join(id.directory());
    assert_eq!(tree(&brought), tree(&ground.original()));
    // Cut short, it is no whole copy.
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(
        ground.accepted(&file),
        Err(ImportError::NoExport(_))
    ));
}

#[test]
fn a_flipped_byte_is_refused_and_the_piece_is_named() {
    let ground = Ground::new();
    for name in ["0001.age", "0003.age"] {
        let path = ground.copy.join(name);
        let good = std::fs::read(&path).unwrap();
        for position in [0, 200, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[position] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            let refused = ground.import(&ground.copy).unwrap_err();
            assert!(
                matches!(&refused, ImportError::Piece(piece) if piece == name),
                "{position}: {refused}"
            );
            ground.nothing_came();
        }
        for bad in [&good[..good.len() - 1], &[&good[..], b"x"].concat()] {
            std::fs::write(&path, bad).unwrap();
            let refused = ground.import(&ground.copy).unwrap_err();
            assert!(matches!(&refused, ImportError::Piece(piece) if piece == name));
        }
        std::fs::write(&path, &good).unwrap();
    }
    ground.import(&ground.copy).unwrap();
}

#[test]
fn a_missing_piece_is_named_and_an_unfinished_copy_is_told_from_none() {
    let ground = Ground::new();
    std::fs::remove_file(ground.copy.join("0002.age")).unwrap();
    let refused = ground.import(&ground.copy).unwrap_err();
    assert!(matches!(&refused, ImportError::Missing(piece) if piece == "0002.age"));
    ground.nothing_came();
    let partial = ground.dir.path().join("x.posto.partial");
    std::fs::rename(&ground.copy, &partial).unwrap();
    std::fs::remove_file(partial.join("export.json")).unwrap();
    let none = tempfile::tempdir().unwrap();
    for (path, unfinished) in [
        (ground.dir.path(), true),
        (&partial, true),
        (none.path(), false),
    ] {
        let refused = ground.accepted(path).unwrap_err();
        assert_eq!(
            matches!(refused, ImportError::Unfinished(_)),
            unfinished,
            "{refused}"
        );
    }
    for two in ["a.posto", "b.posto"] {
        std::fs::create_dir(none.path().join(two)).unwrap();
    }
    assert!(matches!(
        ground.accepted(none.path()),
        Err(ImportError::Several(_))
    ));
}

#[test]
fn a_foreign_signer_is_refused_until_the_facility_file_or_a_person_knows_him() {
    let ground = Ground::new();
    let refused = accept(&ground.new, &ground.copy, None).unwrap_err();
    let fingerprint = ground.signer().fingerprint();
    assert!(
        refused.to_string().contains(&fingerprint.to_string()),
        "{refused}"
    );
    let other = BoxKey::read(&ground.new).unwrap().public().fingerprint();
    assert!(accept(&ground.new, &ground.copy, Some(other)).is_err());
    accept(&ground.new, &ground.copy, Some(fingerprint)).unwrap();
    accept(&ground.old, &ground.copy, None).unwrap();
    std::fs::create_dir_all(ground.new.zoneinfo().join("Africa")).unwrap();
    std::fs::write(ground.new.zoneinfo().join("Africa/Maputo"), b"").unwrap();
    let text = format!("[[boxes]]\nkey = '{}'\n", ground.signer());
    std::fs::write(ground.new.facility(), text).unwrap();
    accept(&ground.new, &ground.copy, None).unwrap();
}

#[test]
fn a_bill_signed_anew_by_a_stranger_does_not_pass_for_the_known_box() {
    let ground = Ground::new();
    let stranger = BoxKey::read(&ground.new).unwrap();
    let text = std::fs::read(ground.copy.join("export.json")).unwrap();
    let signature = std::fs::read(ground.copy.join("export.sig")).unwrap();
    let mut bill = Bill::read(&text, &signature).unwrap();
    bill.signer = stranger.public();
    let signed = bill.signed(&stranger);
    std::fs::write(ground.copy.join("export.json"), &signed.text).unwrap();
    std::fs::write(ground.copy.join("export.sig"), &signed.signature).unwrap();
    let known = Some(ground.signer().fingerprint());
    assert!(matches!(
        accept(&ground.old, &ground.copy, known),
        Err(ImportError::UnknownSigner { .. })
    ));
    // The old bill with the new signature, and the other way round.
    std::fs::write(ground.copy.join("export.json"), &text).unwrap();
    assert!(matches!(
        accept(&ground.old, &ground.copy, known),
        Err(ImportError::Bill(_))
    ));
}

#[test]
fn a_wrong_code_or_key_opens_nothing_and_a_swapped_key_file_is_seen() {
    let ground = Ground::new();
    let accepted = ground.accepted(&ground.copy).unwrap();
    let sealed = accepted.sealed_identity().unwrap();
    assert!(matches!(
        recovery::open(&sealed, "1111-1111-1111-1111-1111"),
        Err(recovery::RecoveryError::WrongCode)
    ));
    let foreign = Identity::generate();
    assert!(!accepted.opens_with(std::slice::from_ref(&foreign)).unwrap());
    let own = recovery::identity(&ground.old).unwrap();
    assert!(accepted.opens_with(&[foreign.clone(), own]).unwrap());
    let refused = accepted.bring_in(&ground.new, &[foreign], CLOCKS, &mut |_| {});
    assert!(matches!(refused, Err(ImportError::NoKey)));
    ground.nothing_came();
    let other = recovery::sealed(&ground.new).unwrap().unwrap();
    std::fs::write(ground.copy.join("recovery.key"), other).unwrap();
    assert!(accepted.sealed_identity().is_err());
}

#[test]
fn what_a_known_box_signed_but_no_snapshot_holds_is_refused() {
    type Build = fn(&mut tar::Builder<Vec<u8>>);
    fn entry(
        tar: &mut tar::Builder<Vec<u8>>,
        name: &[u8],
        kind: tar::EntryType,
        target: &[u8],
        content: &[u8],
    ) {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target);
        header.set_cksum();
        tar.append(&header, content).unwrap();
    }
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    let builds: [Build; 15] = [
        |tar| entry(tar, b"../out", Regular, b"", b"x"),
        |tar| entry(tar, b"/database", Regular, b"", b"x"),
        |tar| entry(tar, b"proofs.json", Regular, b"", b"[]"),
        |tar| entry(tar, b"database", Symlink, b"/etc", b""),
        |tar| entry(tar, b"database", Link, b"/etc", b""),
        |tar| entry(tar, b"database", tar::EntryType::Block, b"", b""),
        |tar| {
            entry(tar, b"database", Directory, b"", b"");
            entry(tar, b"database", Regular, b"", b"x");
        },
        |tar| entry(tar, b"manifest.json", Regular, b"", &[b'x'; 500]),
        // Links: as a part itself, out, to nothing, hard; a file through one, before and after; in a directory's place.
        |tar| entry(tar, b"openmrs", Symlink, b"database", b""),
        |tar| {
            entry(tar, b"openmrs", Directory, b"", b"");
            entry(tar, b"openmrs/a", Symlink, b"../database", b"");
        },
        |tar| {
            entry(tar, b"openmrs", Directory, b"", b"");
            entry(tar, b"openmrs/a", Symlink, b"", b"");
        },
        |tar| {
            entry(tar, b"openmrs", Directory, b"", b"");
            entry(tar, b"openmrs/b", Regular, b"", b"x");
            entry(tar, b"openmrs/a", Link, b"openmrs/b", b"");
        },
        |tar| {
            entry(tar, b"openmrs", Directory, b"", b"");
            entry(tar, b"openmrs/b", Directory, b"", b"");
            entry(tar, b"openmrs/a", Symlink, b"b", b"");
            entry(tar, b"openmrs/a/x", Regular, b"", b"x");
        },
        |tar| {
            entry(tar, b"openmrs", Directory, b"", b"");
            entry(tar, b"openmrs/b", Directory, b"", b"");
            entry(tar, b"openmrs/a", Symlink, b"b", b"");
            entry(tar, b"openmrs/a/c", Symlink, b"d", b"");
        },
        |tar| {
            entry(tar, b"openmrs", Directory, b"", b"");
            entry(tar, b"openmrs/a", Symlink, b"b", b"");
            entry(tar, b"openmrs/a", Directory, b"", b"");
        },
    ];
    for (number, build) in builds.into_iter().enumerate() {
        let ground = Ground::new();
        let mut tar = tar::Builder::new(Vec::new());
        build(&mut tar);
        let tar = tar.into_inner().unwrap();
        let sizes: Vec<u64> = tar::Archive::new(&tar[..])
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().size())
            .collect();
        let packed = zstd::encode_all(&tar[..], 3).unwrap();
        let piece = age::encrypt(&recovery::recipient(&ground.old).unwrap(), &packed).unwrap();
        std::fs::write(ground.copy.join("0001.age"), &piece).unwrap();
        let read = |name: &str| std::fs::read(ground.copy.join(name)).unwrap();
        let mut bill = Bill::read(&read("export.json"), &read("export.sig")).unwrap();
        bill.pieces.truncate(1);
        bill.pieces[0].bytes = piece.len() as u64;
        bill.pieces[0].sha256 = bill::sha256(&piece);
        // Nothing but what each is about is wrong with it.
        bill.content_bytes = sizes.iter().sum::<u64>().min(100);
        bill.entries = sizes.len() as u64;
        let signed = bill.signed(&BoxKey::read(&ground.old).unwrap());
        std::fs::write(ground.copy.join("export.json"), &signed.text).unwrap();
        std::fs::write(ground.copy.join("export.sig"), &signed.signature).unwrap();
        let refused = ground.import(&ground.copy).unwrap_err();
        assert!(
            matches!(
                refused,
                ImportError::Contents(_) | ImportError::Write { .. }
            ),
            "{number}: {refused}"
        );
        ground.nothing_came();
    }
}

#[test]
fn progress_goes_through_all_pieces_to_the_last_byte() {
    let ground = Ground::new();
    let accepted = ground.accepted(&ground.copy).unwrap();
    let identity = recovery::identity(&ground.old).unwrap();
    let mut told: Vec<Progress> = Vec::new();
    accepted
        .bring_in(&ground.new, &[identity], CLOCKS, &mut |progress| {
            told.push(progress);
        })
        .unwrap();
    let last = told.last().unwrap();
    assert!(told.is_sorted_by_key(|progress| progress.done));
    assert!(last.all > 4 * SMALL_PIECES && last.done + SMALL_PIECES >= last.all);
}
