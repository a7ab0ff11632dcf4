//! Which source is asked next, and after what pause.

use std::time::Duration;

/// After a round in which nobody brought anything; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// A link that comes back after hours is met by the next fetch, not by a longer pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Rounds without anything, some 20 minutes: then it ends for now.
const ROUNDS: u32 = 9;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask this source.
    Ask(usize),
    /// Wait, then decide again.
    Pause(Duration),
    /// It is no use for now.
    End,
}

/// Turns of the sources: one that brings something is asked on; others have their turn when it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turns {
    sources: Vec<Standing>,
    empty_rounds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Untried,
    Failed,
    Wrong,
}

impl Turns {
    /// Of so many sources, the dearest last.
    pub(super) fn new(sources: usize) -> Self {
        Self {
            sources: vec![Standing::Untried; sources],
            empty_rounds: 0,
        }
    }

    /// What to do now. A pause is said once.
    pub(super) fn next(&mut self) -> Next {
        let waiting = |standing: &Standing| *standing == Standing::Untried;
        if let Some(index) = self.sources.iter().position(waiting) {
            return Next::Ask(index);
        }
        let is_wrong = |standing: &Standing| *standing == Standing::Wrong;
        self.empty_rounds += 1;
        if self.sources.iter().all(is_wrong) || self.empty_rounds >= ROUNDS {
            return Next::End;
        }
        self.everybody_again();
        let doubled = FIRST_PAUSE.saturating_mul(1 << (self.empty_rounds - 1).min(16));
        Next::Pause(doubled.min(LONGEST_PAUSE))
    }

    /// This one brought the file nearer.
    pub(super) fn came(&mut self, index: usize) {
        self.empty_rounds = 0;
        self.everybody_again();
        // Those before it were asked and had nothing: it is asked on.
        for standing in self.sources.iter_mut().take(index) {
            if *standing == Standing::Untried {
                *standing = Standing::Failed;
            }
        }
    }

    /// This one brought nothing.
    pub(super) fn failed(&mut self, index: usize) {
        self.stands(index, Standing::Failed);
    }

    /// This one sent something else than what was signed: it is asked no more.
    pub(super) fn wrong(&mut self, index: usize) {
        self.stands(index, Standing::Wrong);
    }

    /// Whether there is nobody left who sent what was signed.
    pub(super) fn all_were_wrong(&self) -> bool {
        !self.sources.is_empty() && self.sources.iter().all(|one| *one == Standing::Wrong)
    }

    fn stands(&mut self, index: usize, standing: Standing) {
        if let Some(one) = self.sources.get_mut(index) {
            *one = standing;
        }
    }

    fn everybody_again(&mut self) {
        for standing in &mut self.sources {
            if *standing == Standing::Failed {
                *standing = Standing::Untried;
            }
        }
    }
}

/// Half to one and a half of `length`, by a random number.
pub(super) fn jittered(length: Duration, random: u32) -> Duration {
    length.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sources_follow_one_another_and_pauses_grow_until_it_ends() {
        let mut turns = Turns::new(2);
        let (mut pauses, mut asked) = (vec![], 0);
        loop {
            match turns.next() {
                Next::Ask(index) => {
                    turns.failed(index);
                    asked += 1;
                }
                Next::Pause(length) => pauses.push(length.as_secs()),
                Next::End => break,
            }
        }
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256]);
        assert_eq!(asked, 18);
        assert!(!turns.all_were_wrong());
    }

    #[test]
    fn the_one_that_brings_something_is_asked_on_and_a_liar_never_again() {
        let mut turns = Turns::new(3);
        turns.failed(0);
        turns.came(1);
        assert_eq!(turns.next(), Next::Ask(1));
        turns.wrong(1);
        assert_eq!(turns.next(), Next::Ask(2));
        turns.failed(2);
        assert!(matches!(turns.next(), Next::Pause(_)));
        assert_eq!(turns.next(), Next::Ask(0));
        turns.wrong(0);
        turns.wrong(2);
        assert_eq!(turns.next(), Next::End);
        assert!(turns.all_were_wrong());
        assert_eq!(Turns::new(0).next(), Next::End);
    }

    proptest! {
        #[test]
        fn a_fetch_without_progress_ends(
            count in 0..5_usize, answers in proptest::collection::vec(any::<bool>(), 0..200)
        ) {
            let mut turns = Turns::new(count);
            let mut answers = answers.into_iter();
            for _ in 0..200 {
                match turns.next() {
                    Next::Ask(index) if answers.next().unwrap_or(false) => turns.wrong(index),
                    Next::Ask(index) => turns.failed(index),
                    Next::Pause(length) => prop_assert!(length <= LONGEST_PAUSE),
                    Next::End => return Ok(()),
                }
            }
            prop_assert!(false, "it did not end");
        }

        #[test]
        fn jitter_is_half_to_one_and_a_half(random in any::<u32>()) {
            let length = jittered(Duration::from_secs(10), random).as_secs_f64();
            prop_assert!((5.0..=15.0).contains(&length));
        }
    }
}
