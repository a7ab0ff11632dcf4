//! Who may come in from a distance: nobody, unless the facility file names keys.

use serde::{Deserialize, Serialize};

use super::FacilityError;

/// A programme's technicians, not the world.
const KEYS_LIMIT: usize = 16;
/// An RSA key of 16,384 bits with its comment.
const KEY_LIMIT_BYTES: usize = 4096;
/// Types as `ssh-keygen` writes them; the ones that live on security tokens included.
const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
];

/// `[ssh]` of facility.toml.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ssh {
    /// Public keys, one a person: the line of an `id_ed25519.pub`. None: no SSH at all.
    pub keys: Vec<String>,
}

impl Ssh {
    /// Whether nobody may come in.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn check(&self) -> Result<(), FacilityError> {
        let wrong = |value: &str, rule| FacilityError::Value {
            key: "ssh.keys",
            value: value.chars().take(40).collect(),
            rule,
        };
        if self.keys.len() > KEYS_LIMIT {
            return Err(wrong("...", "at most 16 keys"));
        }
        match self.keys.iter().find(|key| !is_key(key)) {
            Some(key) => Err(wrong(
                key,
                "one public key as in id_ed25519.pub: its type, the key, and who it belongs to; no options before it",
            )),
            None => Ok(()),
        }
    }
}

/// A type, a key, a comment, on one line. Options (`command=`, `from=`) before the type are refused: they would look like a
/// restriction here and be one nowhere else.
fn is_key(line: &str) -> bool {
    if line.len() > KEY_LIMIT_BYTES || line.chars().any(char::is_control) {
        return false;
    }
    let mut words = line.split(' ');
    let (Some(kind), Some(key)) = (words.next(), words.next()) else {
        return false;
    };
    // The key begins with its own type's length and name: in base64 always these letters.
    TYPES.contains(&kind)
        && key.len() >= 60
        && key.starts_with("AAAA")
        && key
            .trim_end_matches('=')
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use crate::facility::Facility;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4rV1oH0b3m0mBZ3lqW0yq5b8l9Qe3h2s6kM4t0bQ1x tecnica@provincia";

    #[test]
    fn a_public_key_is_taken_as_it_stands() {
        let facility = Facility::parse(&format!("[ssh]\nkeys = ['{KEY}']")).unwrap();
        assert_eq!(facility.ssh.keys, [KEY]);
        assert!(Facility::parse("").unwrap().ssh.is_off());
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----";
        let two = format!("{KEY}\\n{KEY}");
        let with_options = format!("command=\\\"x\\\" {KEY}");
        for key in [
            private,
            "",
            "ssh-ed25519",
            "ssh-dss AAAAB3NzaC1kc3MAAACBAJ4rV1oH0b3m0mBZ3lqW0yq5b8l9Qe3h2s6kM4t0bQ1x",
            &two,
            &with_options,
        ] {
            assert!(
                Facility::parse(&format!("[ssh]\nkeys = [\"{key}\"]")).is_err(),
                "{key}"
            );
        }
        let many = vec![format!("'{KEY}'"); 17].join(",");
        assert!(Facility::parse(&format!("[ssh]\nkeys = [{many}]")).is_err());
    }
}
