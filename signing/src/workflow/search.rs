//! 5.6.7. Search for a target: pre-order, depth first, the most trusted role first.

use std::collections::BTreeSet;

use super::{Change, Refusal, Stage, Verified, Workflow};
use crate::metadata::TargetFile;
use crate::role::{self, RoleName};

/// A target that somebody who may has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path.
    pub path: String,
    /// Length, hashes, and what else is said.
    pub file: TargetFile,
    /// By which role.
    pub role: RoleName,
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Search {
    path: String,
    /// Roles to look at, the next one last, each with the role that delegates to it.
    pending: Vec<(RoleName, RoleName)>,
    visited: BTreeSet<RoleName>,
    found: Option<Verified<Found>>,
}

impl Search {
    /// The role whose file is needed next.
    pub(super) fn wanted(&self) -> Option<&RoleName> {
        self.pending.last().map(|(role, _)| role)
    }
}

impl Workflow {
    /// Begins to look for a target, once the four roles are up to date; go on with [`Workflow::request`] until that
    /// is `None`, then ask [`Workflow::found`].
    ///
    /// # Errors
    /// When the update is not at its end, or a stored delegated role leads too far.
    pub fn search(&mut self, path: &str) -> Result<(), Refusal> {
        if !matches!(self.stage, Stage::Ready | Stage::Search(_)) {
            return Err(Refusal::OutOfTurn);
        }
        let mut search = Search {
            path: path.to_owned(),
            pending: Vec::new(),
            visited: BTreeSet::new(),
            found: None,
        };
        self.visit(&mut search, &RoleName::new(role::TARGETS));
        let ended = self.follow(&mut search);
        self.stage = match ended {
            Ok(()) => Stage::Search(search),
            Err(_) => Stage::Refused,
        };
        ended
    }

    /// What the search found, once it is at its end.
    #[must_use]
    pub fn found(&self) -> Option<&Verified<Found>> {
        match &self.stage {
            Stage::Search(search) => search.found.as_ref(),
            _ => None,
        }
    }

    pub(super) fn take_delegated(&mut self, file: Vec<u8>) -> Result<Vec<Change>, Refusal> {
        let Stage::Search(mut search) = std::mem::replace(&mut self.stage, Stage::Refused) else {
            return Err(Refusal::OutOfTurn);
        };
        let Some((name, parent)) = search.pending.pop() else {
            return Err(Refusal::OutOfTurn);
        };
        // 5.6.7.2: a delegated role is verified as the top-level one; what cannot be verified ends the search.
        let targets = self.verify_targets(&name, Some(&parent), &file)?;
        self.targets.insert(name.clone(), targets);
        self.stored.insert(name.clone(), file.clone());
        self.visit(&mut search, &name);
        self.follow(&mut search)?;
        self.stage = Stage::Search(search);
        Ok(vec![Change::Role { role: name, file }])
    }

    /// Goes on until a file is needed that is not at hand, or the search is at its end.
    fn follow(&mut self, search: &mut Search) -> Result<(), Refusal> {
        while let Some((name, parent)) = search.pending.last().cloned() {
            // 5.6.7.1. A role is looked at once: cycles end.
            if search.visited.contains(&name) {
                search.pending.pop();
                continue;
            }
            if search.visited.len() > self.policy.bounds.delegations {
                return Err(Refusal::Delegations(self.policy.bounds.delegations));
            }
            self.announced_targets(&name)?;
            let Some(file) = self.stored.get(&name).cloned() else {
                return Ok(());
            };
            // Another role may delegate to it with other keys: it is verified for each.
            match self.verify_targets(&name, Some(&parent), &file) {
                Ok(targets) => {
                    self.targets.insert(name.clone(), targets);
                    search.pending.pop();
                    self.visit(search, &name);
                }
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Looks at a verified role: the target is there, or its delegations are next.
    fn visit(&self, search: &mut Search, name: &RoleName) {
        search.visited.insert(name.clone());
        let Some(targets) = self.targets.get(name) else {
            return;
        };
        if let Some(file) = targets.targets.get(&search.path) {
            search.pending.clear();
            search.found = Some(Verified(Found {
                path: search.path.clone(),
                file: file.clone(),
                role: name.clone(),
            }));
            return;
        }
        let Some(delegations) = &targets.delegations else {
            return;
        };
        let mut children = Vec::new();
        for (child, terminating) in delegations.covering(&search.path) {
            children.push((child, name.clone()));
            // 5.6.7.2.1. A terminating delegation: nobody after it is asked, here or further up.
            if terminating {
                search.pending.clear();
                break;
            }
        }
        search.pending.extend(children.into_iter().rev());
    }
}
