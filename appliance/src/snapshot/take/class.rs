//! Which file of MariaDB's data directory is cloned when: pure, by its name alone.

use std::path::Path;

/// How a file comes into a hot clone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// InnoDB's pages: by pieces while the clinic works; the redo makes them one moment's.
    Pages,
    /// Does not change while DDL waits: definitions of tables, journals that are no longer written.
    Still,
    /// Everything else (Aria's tables and logs, the journal that is written, its index, what we do not know): while commits wait.
    AtTheCut,
    /// InnoDB's redo: copied by its LSNs.
    Redo,
    /// Not part of a snapshot.
    LeftOut,
}

/// Definitions of tables, views, triggers and partitions, and links to tablespaces: only DDL writes them.
const DEFINITIONS: [&str; 6] = ["frm", "opt", "par", "TRG", "TRN", "isl"];
/// What an unfinished import or restore left there to be ended by the guard: not for another life.
const MARKS: &str = ".posto-";

/// The class of the file at `path` (relative to the data directory). `journal` is the binlog that the server writes now, e.g.
/// `binlog.000002`; `None` where it writes none or nobody could ask.
#[must_use]
pub fn class(path: &Path, journal: Option<&str>) -> Class {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Class::AtTheCut;
    };
    let top = path.components().count() == 1;
    if top && (is_left_out(name) || name.starts_with(MARKS)) {
        return Class::LeftOut;
    }
    if top && name == "ib_logfile0" {
        return Class::Redo;
    }
    let ending = path.extension().and_then(|ending| ending.to_str());
    match ending {
        Some("ibd") => return Class::Pages,
        Some(ending) if !top && DEFINITIONS.contains(&ending) => return Class::Still,
        _ => {}
    }
    if top && (numbered(name, "ibdata") || numbered(name, "undo")) {
        return Class::Pages;
    }
    if top && journal.is_some_and(|journal| is_older(name, journal)) {
        return Class::Still;
    }
    Class::AtTheCut
}

/// Made anew at every start: temporary tablespaces, the list of pages for warming up, process ids, sockets; and a log that is
/// only being made (the server's `ib_logfile101` while its size is changed).
fn is_left_out(name: &str) -> bool {
    numbered(name, "ibtmp")
        || name.starts_with("ib_buffer_pool")
        || (name.starts_with("ib_logfile") && name != "ib_logfile0")
        || name == "pid"
        || has_ending(name, "pid")
        || has_ending(name, "sock")
        || name == "lost+found"
}

fn has_ending(name: &str, ending: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found == ending)
}

fn numbered(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether `name` is a journal before `journal`: same stem, smaller number.
fn is_older(name: &str, journal: &str) -> bool {
    let number = |name: &str| {
        let (stem, number) = name.rsplit_once('.')?;
        let digits = number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit());
        digits.then_some(())?;
        Some((stem.to_string(), number.parse::<u64>().ok()?))
    };
    match (number(name), number(journal)) {
        (Some((stem, number)), Some((written_stem, written))) => {
            stem == written_stem && number < written
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(path: &str) -> Class {
        class(Path::new(path), Some("binlog.000012"))
    }

    #[test]
    fn every_file_of_a_real_data_directory_has_its_class() {
        for (class, paths) in [
            (
                Class::Pages,
                "ibdata1 ibdata2 undo001 openmrs/obs.ibd mysql/innodb_table_stats.ibd openmrs/#sql-alter-1-2.ibd openmrs/a#P#p0.ibd",
            ),
            (
                Class::Still,
                "openmrs/obs.frm openmrs/db.opt openmrs/t.TRG openmrs/t.TRN openmrs/a.par binlog.000011 binlog.000001",
            ),
            (
                Class::AtTheCut,
                "aria_log.00000001 aria_log_control mysql/db.MAI mysql/db.MAD mysql/general_log.CSV mysql/general_log.CSM binlog.000012 binlog.000013 binlog.index binlog.state ddl_recovery.log multi-master.info tc.log mariadb_upgrade_info openmrs/x.MYD unknown db.opt",
            ),
            (Class::Redo, "ib_logfile0"),
            (
                Class::LeftOut,
                "ibtmp1 ib_buffer_pool ib_buffer_pool.incomplete ib_logfile101 pid box.pid mysqld.sock .posto-import .posto-restore",
            ),
        ] {
            for path in paths.split(' ') {
                assert_eq!(of(path), class, "{path}");
            }
        }
    }

    #[test]
    fn a_database_with_an_odd_name_is_no_file_of_the_server() {
        // Tables may be called like the server's own files.
        assert_eq!(of("x/ibtmp1.ibd"), Class::Pages);
        assert_eq!(of("x/pid"), Class::AtTheCut);
        assert_eq!(of("ibdata"), Class::AtTheCut);
        assert_eq!(of("x/binlog.000001"), Class::AtTheCut);
    }

    proptest! {
        /// Without the journal's name nothing that may be a journal is taken for quiet.
        #[test]
        fn an_unknown_file_is_never_cloned_before_the_cut_or_left_out(stem in "[a-z]{1,8}", number in 0..999_999u32, written in 0..999_999u32) {
            prop_assume!(!stem.starts_with("ib") && stem != "undo" && stem != "pid");
            let name = format!("{stem}.{number:06}");
            prop_assert_eq!(class(Path::new(&name), None), Class::AtTheCut);
            let journal = format!("{stem}.{written:06}");
            let expected = if number < written { Class::Still } else { Class::AtTheCut };
            prop_assert_eq!(class(Path::new(&name), Some(&journal)), expected);
            prop_assert_eq!(class(Path::new(&name), Some("other.999999")), Class::AtTheCut);
        }
    }
}
