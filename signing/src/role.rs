//! Names of roles, and what they are called as files.

use std::fmt;

/// The role that all trust comes from.
pub const ROOT: &str = "root";
/// The role that says which snapshot is the newest.
pub const TIMESTAMP: &str = "timestamp";
/// The role that says which targets belong together.
pub const SNAPSHOT: &str = "snapshot";
/// The role that says what files there are.
pub const TARGETS: &str = "targets";

/// The name of a role: one of the four, or a delegated one, which may be any text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(String);

impl RoleName {
    /// The role of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One of the four that a delegation may not take.
    #[must_use]
    pub fn is_top_level(&self) -> bool {
        matches!(self.as_str(), ROOT | TIMESTAMP | SNAPSHOT | TARGETS)
    }

    /// The name in addresses and as a file: everything but letters, digits and `-._~` as `%XX`, so that no name
    /// leaves its folder or ends an address early.
    #[must_use]
    pub fn encoded(&self) -> String {
        encode(&self.0)
    }

    /// The role whose [`RoleName::encoded`] is `stem`; `None` if there is none.
    #[must_use]
    pub fn decode(stem: &str) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut rest = stem.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let pair = [rest.next()?, rest.next()?];
                bytes.extend(hex::decode(pair).ok()?);
            } else {
                bytes.push(byte);
            }
        }
        let name = Self(String::from_utf8(bytes).ok()?);
        (name.encoded() == stem).then_some(name)
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.escape_debug())
    }
}

/// Percent-encoding of everything but unreserved characters (RFC 3986, 2.3).
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_name_leaves_its_folder_and_each_is_read_back() {
        for name in ["targets", "../x", "/x", "?", "#", "é %", "", "a.b"] {
            let role = RoleName::new(name);
            assert!(!role.encoded().contains(['/', '?', '#', ' ']));
            assert_eq!(RoleName::decode(&role.encoded()), Some(role));
        }
        for stem in ["%2", "%zz", "a/b", "%2f", "%41", "%FF"] {
            assert_eq!(RoleName::decode(stem), None, "{stem}");
        }
    }
}
