//! Time: when metadata expires, and what time a box with a dead clock may believe.

use jiff::Timestamp;

/// Years after an image's build from which its clock is not believed: a dead clock may also say 2099.
const PLAUSIBLE_YEARS: i64 = 20;
const YEAR_S: i64 = 31_557_600;

/// Reads the metadata's `YYYY-MM-DDTHH:MM:SSZ` (specification 4.2.1) as unix seconds. `None` for anything else.
#[must_use]
pub fn read(text: &str) -> Option<i64> {
    let shape: String = text
        .chars()
        .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
        .collect();
    if shape != "0000-00-00T00:00:00Z" {
        return None;
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// Unix seconds in the metadata's form. `None` outside the years 0 to 9999.
#[must_use]
pub fn write(unix_s: i64) -> Option<String> {
    let text = Timestamp::from_second(unix_s).ok()?.to_string();
    read(&text).map(|_| text)
}

/// What a box may know about the time, unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clues {
    /// When the running image was built.
    pub image_built_s: i64,
    /// The newest signed time that this box has accepted.
    pub last_signed_s: Option<i64>,
    /// What the clock says.
    pub clock_s: i64,
}

impl Clues {
    /// The best known time, fixed for one update: never before what is proven to be past, and the clock's only
    /// where that is plausible.
    #[must_use]
    pub fn best_s(&self) -> i64 {
        let past_s = self
            .last_signed_s
            .unwrap_or(i64::MIN)
            .max(self.image_built_s);
        let latest_s = self.image_built_s.saturating_add(PLAUSIBLE_YEARS * YEAR_S);
        if (past_s..=latest_s).contains(&self.clock_s) {
            self.clock_s
        } else {
            past_s
        }
    }

    /// Whether the clock itself was believed.
    #[must_use]
    pub fn clock_believed(&self) -> bool {
        self.best_s() == self.clock_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: i64 = 1_795_305_600;

    fn best(last_signed_s: Option<i64>, clock_s: i64) -> i64 {
        Clues {
            image_built_s: BUILT,
            last_signed_s,
            clock_s,
        }
        .best_s()
    }

    #[test]
    fn a_clock_in_1970_or_2099_gives_way_to_what_is_proven() {
        let now = BUILT + 1_000;
        assert_eq!(best(None, 0), BUILT);
        assert_eq!(best(Some(now), 0), now);
        assert_eq!(best(Some(now), now + 5), now + 5);
        assert_eq!(best(Some(now), now - 5), now);
        assert_eq!(best(Some(now), read("2099-01-01T00:00:00Z").unwrap()), now);
    }

    #[test]
    fn only_the_specifications_form_is_a_time() {
        assert_eq!(read("1970-01-01T00:00:10Z"), Some(10));
        for text in [
            "1970-01-01T00:00:10",
            "1970-01-01 00:00:10Z",
            "1970-13-01T00:00:10Z",
            "1970-01-01T00:00:10.5Z",
            "1970-01-01T00:00:10+02:00",
            "",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(write(10).as_deref(), Some("1970-01-01T00:00:10Z"));
    }
}
