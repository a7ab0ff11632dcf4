//! Character sets and collations of old servers, and what they become.

/// A MySQL 8 collation's nearest one in MariaDB, if `word` (upper case) is one.
///
/// MySQL's `_0900_` is UCA 9.0 without padding; MariaDB (10.10 and later) has UCA 14.0 with the same
/// padding rule, so that strings that differ only in trailing spaces stay different in unique keys.
/// The language-specific orders have no counterpart and become the general one.
#[must_use]
pub fn mapped(word: &str) -> Option<String> {
    let rest = word.strip_prefix("UTF8MB4_")?;
    let strength = match rest.find("0900_") {
        Some(at) => rest.get(at + "0900_".len()..)?,
        None => return None,
    };
    match strength {
        "BIN" => Some("utf8mb4_nopad_bin".to_string()),
        "AI_CI" | "AS_CI" | "AS_CS" => Some(format!(
            "utf8mb4_uca1400_nopad_{}",
            strength.to_ascii_lowercase()
        )),
        // Japanese, kana-sensitive.
        "AS_CS_KS" => Some("utf8mb4_uca1400_nopad_as_cs".to_string()),
        _ => None,
    }
}

/// What the new database's tables are made with when they do not say: the same as the imported ones,
/// or comparing an old column with a new one fails ("Illegal mix of collations").
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DatabaseDefault {
    /// Character set.
    pub charset: String,
    /// Collation.
    pub collation: String,
}

/// The default that most tables use. Each item: character set and collation as the dump says them.
#[must_use]
pub fn database_default<'a>(
    tables: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> DatabaseDefault {
    let mut votes: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    for (charset, collation) in tables {
        let voted = match (charset, collation) {
            (_, Some(collation)) => {
                mapped(&collation.to_ascii_uppercase()).or_else(|| canonical(collation))
            }
            (Some("utf8" | "utf8mb3"), None) => Some("utf8mb3_general_ci".to_string()),
            (Some("utf8mb4"), None) => Some("utf8mb4_general_ci".to_string()),
            _ => None,
        };
        if let Some(voted) = voted {
            *votes.entry(voted).or_default() += 1;
        }
    }
    let collation = votes
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map_or_else(
            || "utf8mb3_general_ci".to_string(),
            |(collation, _)| collation,
        );
    let charset = if collation.starts_with("utf8mb4") {
        "utf8mb4"
    } else {
        "utf8mb3"
    };
    DatabaseDefault {
        charset: charset.to_string(),
        collation,
    }
}

/// `utf8_x` was renamed `utf8mb3_x`; only Unicode collations can be a default here.
fn canonical(collation: &str) -> Option<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !collation.chars().all(word) {
        return None;
    }
    if collation.starts_with("utf8mb3_") || collation.starts_with("utf8mb4_") {
        return Some(collation.to_string());
    }
    collation
        .strip_prefix("utf8_")
        .map(|rest| format!("utf8mb3_{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mysql_8_collations_become_mariadbs() {
        assert_eq!(
            mapped("UTF8MB4_0900_AI_CI").unwrap(),
            "utf8mb4_uca1400_nopad_ai_ci"
        );
        assert_eq!(
            mapped("UTF8MB4_PT_0900_AS_CS").unwrap(),
            "utf8mb4_uca1400_nopad_as_cs"
        );
        assert_eq!(mapped("UTF8MB4_0900_BIN").unwrap(), "utf8mb4_nopad_bin");
        assert_eq!(mapped("UTF8MB4_GENERAL_CI"), None);
    }

    #[test]
    fn the_default_is_what_most_tables_use() {
        let tables = [
            (Some("utf8"), None),
            (Some("utf8"), None),
            (Some("utf8mb4"), Some("utf8mb4_0900_ai_ci")),
        ];
        assert_eq!(
            database_default(tables.into_iter()).collation,
            "utf8mb3_general_ci"
        );
        let tables = [
            (Some("latin1"), None),
            (Some("utf8"), Some("utf8_unicode_ci")),
        ];
        assert_eq!(
            database_default(tables.into_iter()).collation,
            "utf8mb3_unicode_ci"
        );
        assert_eq!(database_default(std::iter::empty()).charset, "utf8mb3");
    }
}
