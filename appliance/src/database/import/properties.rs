//! openmrs-runtime.properties: a new one for a database that comes from elsewhere, or the present one with what an
//! import must change. Pure text.

/// What an import puts into the file.
#[derive(Debug, Clone)]
pub struct Settings<'a> {
    /// The password of OpenMRS's account on this box.
    pub password: &'a str,
    /// 16 random bytes in Base64, for a new file only.
    pub encryption_key: &'a str,
    /// 16 random bytes in Base64, for a new file only.
    pub encryption_vector: &'a str,
}

/// The account's database as OpenMRS is told.
const URL: &str = "jdbc:mariadb://127.0.0.1:3306/openmrs";

/// The file as it is to be. `present` is kept but for what an import must set: its encryption key opens what this box
/// has encrypted, and other keys are the site's own.
#[must_use]
pub fn runtime_properties(present: Option<&str>, settings: &Settings<'_>) -> String {
    match present {
        Some(present) => {
            let text = set(present, "auto_update_database", "true");
            set(&text, "connection.password", settings.password)
        }
        None => [
            ("connection.url", URL),
            ("connection.driver_class", "org.mariadb.jdbc.Driver"),
            ("connection.username", crate::database::server::ACCOUNT),
            ("connection.password", settings.password),
            ("auto_update_database", "true"),
            ("module.allow_web_admin", "false"),
            ("encryption.key", settings.encryption_key),
            ("encryption.vector", settings.encryption_vector),
        ]
        .iter()
        .map(|(key, value)| format!("{key}={}\n", escaped(value)))
        .collect(),
    }
}

/// Sets one key, where it stands or at the end. Values that reach over several lines are replaced as a whole.
#[must_use]
pub fn set(text: &str, key: &str, value: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut placed = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if key_of(line).as_deref() != Some(key) {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let mut last = line;
        while continues(last) {
            match lines.next() {
                Some(next) => last = next,
                None => break,
            }
        }
        if !placed {
            out.push_str(&format!("{key}={}\n", escaped(value)));
            placed = true;
        }
    }
    if !placed {
        out.push_str(&format!("{key}={}\n", escaped(value)));
    }
    out
}

/// The key of a line as java.util.Properties reads it.
fn key_of(line: &str) -> Option<String> {
    let line = line.trim_start();
    if line.is_empty() || line.starts_with('#') || line.starts_with('!') {
        return None;
    }
    let mut key = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => key.extend(chars.next()),
            '=' | ':' => break,
            c if c.is_whitespace() => break,
            c => key.push(c),
        }
    }
    Some(key)
}

/// An odd number of backslashes at the end joins the next line.
fn continues(line: &str) -> bool {
    line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

fn escaped(value: &str) -> String {
    let mut out = String::new();
    for (at, c) in value.chars().enumerate() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            ' ' | '\t' if at == 0 => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Bytes in Base64 with padding, as OpenMRS reads its encryption key and vector (Java's standard decoder).
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let word = group
            .iter()
            .fold(0u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            let index = (word >> (18 - 6 * place)) & 63;
            let letter = LETTERS.get(index as usize).copied().unwrap_or(b'A');
            out.push(if place <= group.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings<'_> = Settings {
        password: "s3cret",
        encryption_key: "a2V5",
        encryption_vector: "dmVj",
    };

    #[test]
    fn a_new_file_has_all_that_openmrs_needs() {
        let text = runtime_properties(None, &SETTINGS);
        for line in [
            "connection.url=jdbc:mariadb://127.0.0.1:3306/openmrs",
            "connection.password=s3cret",
            "auto_update_database=true",
            "encryption.key=a2V5",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}");
        }
    }

    #[test]
    fn the_present_file_keeps_its_encryption_key_and_its_own_settings() {
        let present = "# mine\nencryption.key=OLD=\nauto_update_database = false\nconnection.password:old\\\n  more\nx.y=1\n";
        let text = runtime_properties(Some(present), &SETTINGS);
        assert_eq!(
            text,
            "# mine\nencryption.key=OLD=\nauto_update_database=true\nconnection.password=s3cret\nx.y=1\n"
        );
    }

    #[test]
    fn base64_is_the_standard_one() {
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
        assert_eq!(base64(b"fooba"), "Zm9vYmE=");
        assert_eq!(base64(b"foob"), "Zm9vYg==");
        assert_eq!(base64(b""), "");
    }
}
