//! `prune.toml`: what is taken out of the bare root again, and why.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;

use crate::place::{self, PlaceError};

/// The reviewed list of what goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneList {
    /// Rules, in order; the last one that matches a path decides.
    pub rule: Vec<Rule>,
}

/// Paths that go, or that stay although an earlier rule takes them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Globs below the root, without the leading slash; `*` stays within a folder, `**` does not.
    #[serde(default)]
    pub drop: Vec<String>,
    /// Globs that stay.
    #[serde(default)]
    pub keep: Vec<String>,
    /// The reason, for the reviewer.
    pub why: String,
}

/// The list cannot be used, or something could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// A file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Not TOML, or an unknown key.
    #[error("prune.toml: {0}")]
    Toml(#[from] toml::de::Error),
    /// A glob is wrong.
    #[error("prune.toml: {0}")]
    Glob(#[from] globset::Error),
    /// A rule does nothing: its reason to exist is gone, or it is misspelt.
    #[error("prune.toml: the rule \"{0}\" matches nothing in this root; correct or remove it")]
    Idle(String),
}

impl PruneList {
    /// Reads the list.
    ///
    /// # Errors
    /// When it is not valid.
    pub fn parse(text: &str) -> Result<Self, PruneError> {
        Ok(toml::from_str(text)?)
    }

    /// Which of these paths (below the root, a parent before its contents) go. A folder named by a rule goes with all in it,
    /// except what a later rule keeps.
    ///
    /// # Errors
    /// When a glob is wrong or a rule matches nothing.
    pub fn decide(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, PruneError> {
        let rules = self
            .rule
            .iter()
            .map(|rule| Ok((set(&rule.drop)?, set(&rule.keep)?, &rule.why)))
            .collect::<Result<Vec<_>, PruneError>>()?;
        let mut idle: Vec<bool> = vec![true; rules.len()];
        let mut gone = Vec::new();
        for path in paths {
            let mut goes = false;
            for ((drop, keep, _), idle) in rules.iter().zip(&mut idle) {
                let hit = |globs: &GlobSet| path.ancestors().any(|part| globs.is_match(part));
                if hit(drop) {
                    goes = true;
                    *idle = false;
                }
                if hit(keep) {
                    goes = false;
                    *idle = false;
                }
            }
            if goes {
                gone.push(path.clone());
            }
        }
        match rules.iter().zip(&idle).find(|(_, idle)| **idle) {
            Some(((_, _, why), _)) => Err(PruneError::Idle((*why).clone())),
            None => Ok(gone),
        }
    }

    /// Removes them from a root; folders that become empty by it go too.
    ///
    /// # Errors
    /// When a rule is wrong or a file cannot be removed.
    pub fn apply(&self, root: &Path) -> Result<(), PruneError> {
        let paths: Vec<PathBuf> = place::sorted(root)?
            .into_iter()
            .filter_map(|path| path.strip_prefix(root).ok().map(Path::to_path_buf))
            .collect();
        // Contents before their folder.
        for path in self.decide(&paths)?.iter().rev() {
            let full = root.join(path);
            match std::fs::symlink_metadata(&full) {
                Ok(meta) if meta.is_dir() => {
                    if std::fs::read_dir(&full)
                        .map_err(place::at("cannot read", &full))?
                        .next()
                        .is_none()
                    {
                        std::fs::remove_dir(&full).map_err(place::at("cannot remove", &full))?;
                    }
                }
                Ok(_) => std::fs::remove_file(&full).map_err(place::at("cannot remove", &full))?,
                Err(error) => return Err(place::at("cannot read", &full)(error).into()),
            }
        }
        Ok(())
    }
}

fn set(globs: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(Glob::new(glob).and_then(|_| {
            globset::GlobBuilder::new(glob)
                .literal_separator(true)
                .build()
        })?);
    }
    set.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(rules: &str, paths: &[&str]) -> Result<Vec<String>, PruneError> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let gone = PruneList::parse(rules)?.decide(&paths)?;
        Ok(gone.iter().map(|path| path.display().to_string()).collect())
    }

    const RULES: &str = r#"
        [[rule]]
        drop = ["fw/**"]
        why = "all of it"
        [[rule]]
        keep = ["fw/rtl_nic"]
        why = "but wired cards"
    "#;

    #[test]
    fn a_folder_goes_with_its_contents_except_what_a_later_rule_keeps() {
        let gone = decided(
            RULES,
            &["fw", "fw/a", "fw/a/x", "fw/rtl_nic", "fw/rtl_nic/y", "usr"],
        )
        .unwrap();
        assert_eq!(gone, ["fw/a", "fw/a/x"]);
    }

    #[test]
    fn a_rule_that_matches_nothing_is_named() {
        let error = decided(RULES, &["fw/a"]).unwrap_err();
        assert!(error.to_string().contains("but wired cards"));
    }

    #[test]
    fn the_shipped_list_parses() {
        PruneList::parse(include_str!("../../prune.toml")).unwrap();
    }
}
