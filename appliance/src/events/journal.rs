//! Events in journald: English words, with `POSTO_EVENT`, `POSTO_SEQUENCE` and one `POSTO_<FIELD>` each, so that
//! `journalctl POSTO_EVENT=openmrs-died` finds them. Where no journald listens, standard error takes the words.

use std::cell::OnceCell;

use log::{Level, RecordBuilder};
use systemd_journal_logger::JournalLog;

use super::{Event, Field, Moment, StoreError};
use crate::system::log::log;
use crate::texts::Language;

thread_local! {
    static JOURNAL: OnceCell<Option<JournalLog>> = const { OnceCell::new() };
}

pub(super) fn send(event: &Event, moment: &Moment, sequence: Option<u64>) {
    let words = event.words(Language::En);
    let sequence = sequence.map(|sequence| sequence.to_string());
    let mut fields: Vec<(String, String)> = vec![("POSTO_EVENT".into(), event.name.clone())];
    fields.extend(sequence.map(|sequence| ("POSTO_SEQUENCE".into(), sequence)));
    fields.push((
        "POSTO_SINCE_BOOT_MS".into(),
        moment.since_boot_ms.to_string(),
    ));
    for (name, field) in &event.fields {
        let value = match field {
            Field::Number(number) => number.to_string(),
            Field::Text(text) => text.clone(),
        };
        fields.push((
            format!("POSTO_{}", name.to_uppercase().replace('-', "_")),
            value,
        ));
    }
    let sent = JOURNAL.with(|journal| {
        let journal = journal.get_or_init(|| JournalLog::new().ok());
        journal.as_ref().is_some_and(|journal| {
            let mut record = RecordBuilder::new();
            record
                .level(Level::Info)
                .target("posto")
                .key_values(&fields);
            // The words must live as long as the record: one expression.
            journal
                .journal_send(&record.args(format_args!("{words}")).build())
                .is_ok()
        })
    });
    if !sent {
        log(&words);
    }
}

pub(super) fn complain(error: &StoreError) {
    log(&error.to_string());
}
