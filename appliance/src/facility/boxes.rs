//! The boxes of this facility by their public keys: whose copies may be brought in here.

use serde::{Deserialize, Serialize};

use super::FacilityError;
use crate::box_key::PublicKey;

/// More boxes than this have never stood in one facility.
const COUNT_LIMIT: usize = 64;

/// One `[[boxes]]` of facility.toml.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownBox {
    /// As `posto box-key` prints it there.
    pub key: PublicKey,
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

pub(super) fn check(boxes: &[KnownBox]) -> Result<(), FacilityError> {
    if boxes.len() > COUNT_LIMIT {
        return Err(FacilityError::Value {
            key: "boxes",
            value: boxes.len().to_string(),
            rule: "at most 64",
        });
    }
    let unfit =
        |one: &&KnownBox| one.name.chars().count() > 200 || one.name.chars().any(char::is_control);
    match boxes.iter().find(unfit) {
        Some(one) => Err(FacilityError::Value {
            key: "boxes.name",
            value: one.name.chars().take(80).collect(),
            rule: "at most 200 characters on one line",
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Facility;

    const KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    #[test]
    fn boxes_are_known_by_their_keys_and_what_is_no_key_is_refused() {
        let text =
            format!("[[boxes]]\nkey = '{KEY}'\nname = 'the old one'\n[[boxes]]\nkey = '{KEY}'\n");
        let facility = Facility::parse(&text).unwrap();
        assert_eq!(facility.boxes.len(), 2);
        assert_eq!(facility.boxes[0].key.to_string(), KEY);
        for wrong in [
            "[[boxes]]\nname = 'x'".to_string(),
            "[[boxes]]\nkey = 'x'".to_string(),
            format!("[[boxes]]\nkeys = '{KEY}'"),
            format!("[boxes]\nkey = '{KEY}'"),
            format!("[[boxes]]\nkey = '{KEY}'\n").repeat(65),
        ] {
            assert!(Facility::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
