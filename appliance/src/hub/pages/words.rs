//! The words of a page in the reader's language.

use axum::http::{HeaderMap, header};

use super::guard::cookie;
use crate::system::clock;
use crate::texts::{self, Language, Value};

/// The cookie of who has chosen a language.
pub(super) const LANGUAGE_COOKIE: &str = "language";

/// Says texts in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words(pub(super) Language);

impl Words {
    /// The language that was chosen, or the first of ours that the browser asks for, or Portuguese.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let chosen = cookie(headers, LANGUAGE_COOKIE).and_then(language);
        let asked = || {
            let wishes = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
            wishes
                .split(',')
                .find_map(|wish| language(wish.trim().get(..2)?))
        };
        Self(chosen.or_else(asked).unwrap_or_default())
    }

    pub(super) fn code(&self) -> &'static str {
        match self.0 {
            Language::Pt => "pt",
            Language::En => "en",
        }
    }

    pub(super) fn other(&self) -> &'static str {
        match self.0 {
            Language::Pt => "en",
            Language::En => "pt",
        }
    }

    pub(super) fn say(&self, id: &str) -> String {
        texts::say(self.0, id, &[])
    }

    pub(super) fn with(&self, id: &str, values: &[(&str, Value)]) -> String {
        texts::say(self.0, id, values)
    }

    /// A length of time in its largest unit that says enough: `5 min`, `3 h`, `4 d`.
    pub(super) fn age(&self, age_s: u64) -> String {
        match age_s {
            0..60 => self.say("hub-age-now"),
            60..7_200 => format!("{} min", age_s / 60),
            7_200..172_800 => format!("{} h", age_s / 3_600),
            _ => format!("{} d", age_s / 86_400),
        }
    }
}

pub(super) fn language(code: &str) -> Option<Language> {
    match code {
        "pt" => Some(Language::Pt),
        "en" => Some(Language::En),
        _ => None,
    }
}

/// `unix_s` in a time zone: `27-11-2026 08:15`.
pub(super) fn local(unix_s: u64, zone: &str) -> String {
    clock::in_zone(unix_s, zone, "%d-%m-%Y %H:%M").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_chosen_one_then_the_browsers_then_portuguese() {
        let mut headers = HeaderMap::new();
        assert_eq!(Words::of(&headers).code(), "pt");
        headers.insert(
            header::ACCEPT_LANGUAGE,
            "fr-FR, en-GB;q=0.8, pt;q=0.5".parse().unwrap(),
        );
        assert_eq!(Words::of(&headers).code(), "en");
        headers.insert(header::COOKIE, "language=pt".parse().unwrap());
        assert_eq!(Words::of(&headers).code(), "pt");
        headers.insert(header::ACCEPT_LANGUAGE, "é".parse().unwrap());
        assert_eq!(Words::of(&headers).code(), "pt");
    }

    #[test]
    fn ages_are_short() {
        let words = Words(Language::En);
        assert_eq!(words.age(61), "1 min");
        assert_eq!(words.age(7_200), "2 h");
        assert_eq!(words.age(200_000), "2 d");
        assert_eq!(local(0, "UTC"), "01-01-1970 00:00");
    }
}
