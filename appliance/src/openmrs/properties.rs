//! Java properties files, as far as openmrs-runtime.properties needs: read a value, set one, keep all other lines.
//! Format: java.util.Properties.load (ISO 8859-1 bytes, escapes with a backslash).

/// Largest properties file read, bytes.
pub const LIMIT_BYTES: u64 = 256 * 1024;

/// The value of `key`, with `\:`-like escapes taken off. `None` when it does not stand there.
#[must_use]
pub fn get(text: &str, key: &str) -> Option<String> {
    text.lines().rev().find_map(|line| {
        let (name, value) = split(line)?;
        (unescape(name) == key).then(|| unescape(value))
    })
}

/// The text with `key` set to `value` (letters, digits and `._-/:?&=`; no escapes needed besides those made here).
/// A line with the key is replaced, otherwise one is added.
#[must_use]
pub fn with(text: &str, key: &str, value: &str) -> String {
    let line = format!("{key}={}", value.replace('\\', "\\\\"));
    let mut done = false;
    let mut lines: Vec<String> = Vec::new();
    for found in text.lines() {
        match split(found) {
            Some((name, _)) if unescape(name) == key => {
                if !done {
                    lines.push(line.clone());
                }
                done = true;
            }
            _ => lines.push(found.to_string()),
        }
    }
    if !done {
        lines.push(line);
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Whether this is a finished openmrs-runtime.properties: it says where the database is and how to open it. Java does
/// not flush it to disk, so after a power cut it may be there and empty.
#[must_use]
pub fn is_finished(text: &str) -> bool {
    [
        "connection.url",
        "connection.username",
        "connection.password",
        "encryption.key",
    ]
    .iter()
    .all(|key| get(text, key).is_some_and(|value| !value.is_empty()))
}

fn split(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    if line.is_empty() || line.starts_with(['#', '!']) {
        return None;
    }
    let mut escaped = false;
    for (at, character) in line.char_indices() {
        match character {
            '\\' => escaped = !escaped,
            '=' | ':' if !escaped => {
                let (name, value) = line.split_at(at);
                return Some((
                    name.trim_end(),
                    value.get(1..).unwrap_or_default().trim_start(),
                ));
            }
            _ => escaped = false,
        }
    }
    Some((line.trim_end(), ""))
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JAVA: &str = "#Thu Jan 01 00:00:00 GMT 1970\nencryption.key=abc\\=\\=\nconnection.url=jdbc\\:mariadb\\://127.0.0.1\\:3306/openmrs\nconnection.username=openmrs\nconnection.password=x\n";

    #[test]
    fn values_that_java_wrote_are_read() {
        assert_eq!(
            get(JAVA, "connection.url").unwrap(),
            "jdbc:mariadb://127.0.0.1:3306/openmrs"
        );
        assert_eq!(get(JAVA, "encryption.key").unwrap(), "abc==");
        assert_eq!(get(JAVA, "nothing"), None);
    }

    #[test]
    fn setting_keeps_all_other_lines() {
        let text = with(JAVA, "auto_update_database", "true");
        assert!(text.starts_with(JAVA) && text.ends_with("auto_update_database=true\n"));
        let text = with(
            &text.replace("=true", " = false"),
            "auto_update_database",
            "true",
        );
        assert_eq!(get(&text, "auto_update_database").unwrap(), "true");
        assert_eq!(text.matches("auto_update_database").count(), 1);
    }

    #[test]
    fn an_empty_or_torn_file_is_not_finished() {
        assert!(is_finished(JAVA));
        assert!(!is_finished("") && !is_finished("\0\0\0"));
        assert!(!is_finished(
            &JAVA.replace("connection.password=x", "connection.password=")
        ));
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_in_any_text(text in "\\PC{0,80}(\n[a-z.=: #\\\\]{0,20}){0,5}", value in "[A-Za-z0-9._:/=-]{1,20}") {
            prop_assert_eq!(get(&with(&text, "some.key", &value), "some.key"), Some(value));
        }
    }
}
