//! The import's words for people: errors and the summary, in the box's language.

use crate::database::import::error::{ImportError, NotADump};
use crate::database::import::report::Report;
use crate::maintenance::MaintenanceError;
use crate::texts::{Language, Value, say};

/// An error in words: what failed, on which file, what it means for the data, what to do.
pub(super) fn error(language: Language, error: &ImportError) -> String {
    let text = said(language, error);
    if matches!(error, ImportError::AfterExchange(_)) {
        return text;
    }
    format!("{text}\n{}", say(language, "import-unchanged", &[]))
}

fn said(language: Language, error: &ImportError) -> String {
    let s = |text: &str| Value::from(text);
    let n = Value::Number;
    let list = |names: &[String]| Value::from(names.join(", "));
    let place = |id: &str, table: &Option<String>| {
        let words = table
            .as_deref()
            .map(|t| say(language, id, &[("table", Value::from(t))]));
        Value::from(words.unwrap_or_default())
    };
    let after = |table: &Option<String>| place("import-after-table", table);
    let megabytes = |bytes: u64| Value::Number(bytes / 1_000_000);
    let (id, values): (&str, Vec<(&str, Value)>) = match error {
        ImportError::Read { file, source } => (
            "read",
            vec![("file", s(file)), ("reason", source.to_string().into())],
        ),
        ImportError::NotADump { file, what } => (
            "not-a-dump",
            vec![
                ("file", s(file)),
                ("what", not_a_dump(language, what).into()),
            ],
        ),
        ImportError::CompressedCutOff {
            file,
            format,
            line,
            table,
            ..
        } => (
            "cut-off",
            vec![
                ("file", s(file)),
                ("format", s(format.as_ref())),
                ("line", n(*line)),
                ("after", after(table)),
            ],
        ),
        ImportError::CompressedDamaged {
            file,
            format,
            line,
            table,
            source,
            ..
        } => (
            "damaged",
            vec![
                ("file", s(file)),
                ("format", s(format.as_ref())),
                ("line", n(*line)),
                ("after", after(table)),
                ("reason", source.to_string().into()),
            ],
        ),
        ImportError::NoEndMark { file, line, table } => (
            "no-end",
            vec![
                ("file", s(file)),
                ("line", n(*line)),
                ("after", after(table)),
            ],
        ),
        ImportError::Text {
            file,
            table,
            source,
        } => (
            "text",
            vec![
                ("file", s(file)),
                ("after", after(table)),
                ("reason", source.to_string().into()),
            ],
        ),
        ImportError::UnknownStatement { file, line, text } => (
            "statement",
            vec![("file", s(file)), ("line", n(*line)), ("text", s(text))],
        ),
        ImportError::CharacterSet {
            file,
            line,
            charset,
        } => (
            "charset",
            vec![
                ("file", s(file)),
                ("line", n(*line)),
                ("charset", s(charset)),
            ],
        ),
        ImportError::NoSuchTable { file, line, table } => (
            "no-table",
            vec![("file", s(file)), ("line", n(*line)), ("table", s(table))],
        ),
        ImportError::TooManyTables { file, line, limit } => (
            "too-many-tables",
            vec![
                ("file", s(file)),
                ("line", n(*line)),
                ("limit", n(*limit as u64)),
            ],
        ),
        ImportError::NotOpenMrs {
            file,
            missing,
            tables,
        } => (
            "not-openmrs",
            vec![
                ("file", s(file)),
                ("missing", list(missing)),
                ("tables", n(*tables as u64)),
            ],
        ),
        ImportError::SeveralDatabases { file, names } => {
            ("several", vec![("file", s(file)), ("names", list(names))])
        }
        ImportError::NoSuchDatabase { file, name, names } => (
            "no-database",
            vec![("file", s(file)), ("name", s(name)), ("names", list(names))],
        ),
        ImportError::NoRoom {
            needed_bytes,
            free_bytes,
        } => (
            "room",
            vec![
                ("needed", megabytes(*needed_bytes)),
                ("free", megabytes(*free_bytes)),
            ],
        ),
        ImportError::Refused {
            file,
            line,
            table,
            message,
            text,
        } => (
            "refused",
            vec![
                ("file", s(file)),
                ("line", n(*line)),
                ("of", place("import-of", table)),
                ("reason", s(message)),
                ("text", s(text)),
            ],
        ),
        ImportError::RowsDiffer {
            table,
            expected,
            found,
        } => (
            "rows",
            vec![
                ("table", s(table)),
                ("expected", n(*expected)),
                ("found", n(*found)),
            ],
        ),
        ImportError::TableMissing { table } => ("table-missing", vec![("table", s(table))]),
        ImportError::Server(reason) => ("server", vec![("reason", s(reason))]),
        ImportError::Sql(source) => ("server", vec![("reason", source.to_string().into())]),
        ImportError::Process(source) => ("server", vec![("reason", source.to_string().into())]),
        ImportError::Maintenance(MaintenanceError::Busy(other)) => {
            ("busy", vec![("pid", n(u64::from(other.pid)))])
        }
        ImportError::Maintenance(source) => {
            ("maintenance", vec![("reason", source.to_string().into())])
        }
        ImportError::Durable(source) => ("box", vec![("reason", source.to_string().into())]),
        ImportError::Unit(source) => ("box", vec![("reason", source.to_string().into())]),
        ImportError::UnfinishedRestore(source) => {
            ("box", vec![("reason", source.to_string().into())])
        }
        ImportError::NotSetUp { path } => (
            "not-set-up",
            vec![("path", path.display().to_string().into())],
        ),
        ImportError::Interrupted => ("interrupted", vec![]),
        ImportError::AfterExchange(reason) => ("after", vec![("reason", s(reason))]),
    };
    say(language, &format!("import-error-{id}"), &values)
}

fn not_a_dump(language: Language, what: &NotADump) -> String {
    let plain = |id| say(language, id, &[]);
    match what {
        NotADump::Empty => plain("import-not-empty"),
        NotADump::Format(name) => say(
            language,
            "import-not-format",
            &[("name", Value::from(name.as_ref()))],
        ),
        NotADump::Utf16 => plain("import-not-utf16"),
        NotADump::Binary => plain("import-not-binary"),
        NotADump::PackedTwice => plain("import-not-packed-twice"),
        NotADump::NoStatements => plain("import-not-statements"),
    }
}

/// The end of an import or a dry run in words: a line per table, then the whole.
pub(super) fn summary(language: Language, report: &Report) -> String {
    let t = |id: &str, values: &[(&str, Value)]| say(language, id, values);
    let mut lines = table(language, report);
    let server = report.server_version.as_deref().unwrap_or("?");
    lines.push(t(
        "import-summary-dump",
        &[
            ("file", report.file.display().to_string().into()),
            ("format", report.format.name().into()),
            ("megabytes", (report.bytes / 1_000_000).into()),
            ("server", server.into()),
        ],
    ));
    lines.push(t(
        "import-summary-database",
        &[
            ("database", report.database.as_deref().unwrap_or("-").into()),
            ("tables", (report.tables.len() as u64).into()),
            ("rows", report.rows.into()),
            ("collation", report.new_tables.collation.as_str().into()),
        ],
    ));
    if !report.databases_skipped.is_empty() {
        lines.push(t(
            "import-summary-skipped",
            &[("names", report.databases_skipped.join(", ").into())],
        ));
    }
    let mended = mends(language, report);
    let done = report.mends.is_some();
    if !mended.is_empty() {
        let id = if done {
            "import-summary-mended"
        } else {
            "import-summary-would-mend"
        };
        lines.push(t(id, &[("what", mended.join(", ").into())]));
    }
    match &report.replaced {
        None => {
            let free = report
                .room
                .free_bytes
                .map_or_else(|| Value::from("?"), |b| Value::Number(b / 1_000_000));
            let needed = Value::Number(report.room.needed_bytes / 1_000_000);
            lines.push(t(
                "import-summary-room",
                &[("needed", needed), ("free", free)],
            ));
            lines.push(t("import-summary-dry", &[]));
        }
        Some(path) => {
            lines.push(t("import-summary-done", &[]));
            lines.push(t(
                "import-summary-kept",
                &[("path", path.display().to_string().into())],
            ));
            lines.push(t("import-summary-migrates", &[]));
        }
    }
    lines.join("\n")
}

fn table(language: Language, report: &Report) -> Vec<String> {
    let head = (
        say(language, "import-column-table", &[]),
        say(language, "import-column-rows", &[]),
    );
    let width = report
        .tables
        .iter()
        .map(|t| t.table.chars().count())
        .max()
        .unwrap_or(0)
        .max(head.0.chars().count());
    let mut lines = vec![format!("{:<width$} {:>12}", head.0, head.1)];
    // An OpenMRS has a hundred empty tables; they are in --json.
    let filled = report.tables.iter().filter(|t| t.rows > 0);
    lines.extend(filled.map(|t| format!("{:<width$} {:>12}", t.table, t.rows)));
    lines
}

fn mends(language: Language, report: &Report) -> Vec<String> {
    let counted = |id: &str, count: u64| {
        (count > 0).then(|| say(language, id, &[("count", Value::Number(count))]))
    };
    let adapted = &report.adapted;
    let mut all = vec![
        counted("import-mend-definers", u64::from(adapted.definers)),
        counted("import-mend-collations", u64::from(adapted.collations)),
        counted("import-mend-engines", u64::from(adapted.engines)),
        counted("import-mend-accounts", adapted.accounts_skipped),
    ];
    match &report.mends {
        Some(mends) => {
            all.push(counted("import-mend-checksums", mends.checksums));
            all.push((mends.lock > 0).then(|| say(language, "import-mend-lock", &[])));
            all.push((mends.search_index > 0).then(|| say(language, "import-mend-search", &[])));
        }
        None => {
            let liquibase = report
                .tables
                .iter()
                .any(|t| t.table.eq_ignore_ascii_case("liquibasechangelog") && t.rows > 0);
            all.push(liquibase.then(|| say(language, "import-mend-checksums-blanked", &[])));
        }
    }
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_words_in_both_languages_and_says_what_became_of_the_data() {
        let all = [
            ImportError::NotADump {
                file: "f".into(),
                what: NotADump::Utf16,
            },
            ImportError::NoEndMark {
                file: "f".into(),
                line: 7,
                table: Some("obs".into()),
            },
            ImportError::Refused {
                file: "f".into(),
                line: 7,
                table: None,
                message: "m".into(),
                text: "t".into(),
            },
            ImportError::NoRoom {
                needed_bytes: 2_000_000,
                free_bytes: 1_000_000,
            },
            ImportError::RowsDiffer {
                table: "obs".into(),
                expected: 2,
                found: 1,
            },
            ImportError::Interrupted,
            ImportError::NotSetUp {
                path: "/data".into(),
            },
        ];
        for language in [Language::Pt, Language::En] {
            let unchanged = say(language, "import-unchanged", &[]);
            for one in &all {
                let words = error(language, one);
                assert!(
                    !words.contains("import-") && !words.contains('{'),
                    "{words}"
                );
                assert!(words.ends_with(&unchanged), "{words}");
            }
        }
        let after = error(Language::En, &ImportError::AfterExchange("x".into()));
        assert!(after.contains("in place") && !after.contains("Nothing was changed"));
    }
}
