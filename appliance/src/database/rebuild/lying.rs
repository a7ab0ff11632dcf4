//! How the tables' files lie on the disk.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use super::decide::Table;
use crate::snapshot::prove::plan::has_tables;
use crate::system::reflink::extents;

/// Every table of the schemas below `database` that has a file of its own and an everyday name. Others (partitions, the hidden
/// tables of full texts, names that the server writes in its own way) are left as they lie.
///
/// # Errors
/// When a directory cannot be read. A file that went away meanwhile is left out.
pub fn tables(database: &Path) -> std::io::Result<Vec<Table>> {
    let mut found = Vec::new();
    for schema in std::fs::read_dir(database)? {
        let schema = schema?;
        let name = schema.file_name();
        let Some(schema_name) = everyday(&name).filter(|name| is_the_clinics(name)) else {
            continue;
        };
        if !schema.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(schema.path())? {
            let path = file?.path();
            let is_table = path.extension() == Some(OsStr::new("ibd"));
            let stem = path.file_stem().filter(|_| is_table);
            if let Some(name) = stem.and_then(everyday)
                && let Some((bytes, extents)) = look(&path)?
            {
                found.push(Table {
                    schema: schema_name.to_string(),
                    name: name.to_string(),
                    bytes,
                    extents,
                });
            }
        }
    }
    Ok(found)
}

/// The server's own tables are small, and not ours to alter.
fn is_the_clinics(schema: &str) -> bool {
    has_tables(schema) && !matches!(schema, "mysql" | "posto")
}

/// Names that the file system and SQL write alike; InnoDB's own tables of full texts are called FTS_...
fn everyday(name: &OsStr) -> Option<&str> {
    let name = name.to_str()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!name.is_empty() && name.bytes().all(plain) && !name.starts_with("FTS_")).then_some(name)
}

fn look(path: &Path) -> std::io::Result<Option<(u64, u64)>> {
    let looked = File::open(path).and_then(|file| Ok((file.metadata()?.len(), extents(&file)?)));
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_everyday_names_of_the_clinics_schemas_are_taken_up() {
        for taken in ["obs", "htmlformentry_html_form", "Obs2"] {
            assert_eq!(everyday(OsStr::new(taken)), Some(taken));
        }
        for left in [
            "",
            "#sql-alter-1-2",
            "a#P#p0",
            "a@002db",
            "FTS_1_CONFIG",
            "a`b",
        ] {
            assert_eq!(everyday(OsStr::new(left)), None, "{left}");
        }
        assert!(is_the_clinics("openmrs"));
        for left in ["mysql", "posto", "sys", "performance_schema"] {
            assert!(!is_the_clinics(left), "{left}");
        }
    }
}
