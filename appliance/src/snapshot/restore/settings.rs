//! openmrs-runtime.properties of a restored state: the snapshot's, but opening this box's database, and with the encryption
//! key that its database was written with. Pure text.

use crate::database::import::properties::set;
use crate::database::server::ACCOUNT;
use crate::openmrs::properties::get;

/// Where OpenMRS finds its database: this box's, also where the snapshot is another box's.
const CONNECTION: [(&str, &str); 3] = [
    ("connection.url", "jdbc:mariadb://127.0.0.1:3306/openmrs"),
    ("connection.driver_class", "org.mariadb.jdbc.Driver"),
    ("connection.username", ACCOUNT),
];
/// What opens the values that OpenMRS encrypted in its database: they belong together.
const ENCRYPTION: [&str; 2] = ["encryption.key", "encryption.vector"];

/// The three files that the new one is made of.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// Of the state that OpenMRS's files come from.
    pub files: &'a str,
    /// Of the state that the database comes from.
    pub database: &'a str,
    /// The present one, if there is one.
    pub present: Option<&'a str>,
}

/// The restored state's file. `password`: of OpenMRS's account on this box. The schema is migrated at the start, where the
/// snapshot is of an older release.
#[must_use]
pub fn runtime_properties(sources: &Sources<'_>, password: &str) -> String {
    let mut text = sources.files.to_string();
    for (key, ours) in CONNECTION {
        let present = sources.present.and_then(|present| get(present, key));
        text = set(&text, key, &present.unwrap_or_else(|| ours.to_string()));
    }
    text = set(&text, "connection.password", password);
    for key in ENCRYPTION {
        if let Some(value) = get(sources.database, key) {
            text = set(&text, key, &value);
        }
    }
    set(&text, "auto_update_database", "true")
}

/// The file's bytes as text and back, none changed: java.util.Properties is ISO 8859-1.
#[must_use]
pub fn text_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// [`text_of`] undone.
#[must_use]
pub fn bytes_of(text: &str) -> Vec<u8> {
    // Our own additions are ASCII; nothing else can be beyond a byte.
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OTHER_BOX: &str = "connection.url=jdbc:mysql\\://10.0.0.9\\:3306/amrs\nconnection.username=amrs\nconnection.password=theirs\nencryption.key=THEIRS\\=\\=\nencryption.vector=TV\nx.y=1\n";
    const HERE: &str = "connection.url=jdbc\\:mariadb\\://127.0.0.1\\:3306/openmrs?a\\=b\nconnection.username=openmrs\nconnection.password=ours\nencryption.key=OURS\nencryption.vector=OV\nsite=1\n";

    fn made(files: &str, database: &str, present: Option<&str>) -> String {
        let sources = Sources {
            files,
            database,
            present,
        };
        runtime_properties(&sources, "ours")
    }

    #[test]
    fn another_boxs_snapshot_opens_this_boxs_database_with_its_own_encryption_key() {
        let text = made(OTHER_BOX, OTHER_BOX, Some(HERE));
        for (key, value) in [
            (
                "connection.url",
                "jdbc:mariadb://127.0.0.1:3306/openmrs?a=b",
            ),
            ("connection.username", "openmrs"),
            ("connection.password", "ours"),
            ("encryption.key", "THEIRS=="),
            ("auto_update_database", "true"),
            ("x.y", "1"),
        ] {
            assert_eq!(get(&text, key).as_deref(), Some(value), "{key} in {text}");
        }
        assert_eq!(get(&text, "site"), None);
        let on_a_new_box = made(OTHER_BOX, OTHER_BOX, None);
        assert_eq!(
            get(&on_a_new_box, "connection.url").as_deref(),
            Some("jdbc:mariadb://127.0.0.1:3306/openmrs")
        );
    }

    #[test]
    fn the_encryption_key_follows_the_database_when_only_a_part_is_restored() {
        let only_database = made(HERE, OTHER_BOX, Some(HERE));
        assert_eq!(
            get(&only_database, "encryption.key").as_deref(),
            Some("THEIRS==")
        );
        assert_eq!(get(&only_database, "site").as_deref(), Some("1"));
        let only_files = made(OTHER_BOX, HERE, Some(HERE));
        assert_eq!(get(&only_files, "encryption.key").as_deref(), Some("OURS"));
        assert_eq!(get(&only_files, "x.y").as_deref(), Some("1"));
    }

    proptest! {
        #[test]
        fn no_byte_of_the_file_is_changed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(bytes_of(&text_of(&bytes)), bytes);
        }
    }
}
