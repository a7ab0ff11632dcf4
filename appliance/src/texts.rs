//! What technicians and clerks read, in Portuguese and English: `texts/pt/*.ftl`, `texts/en/*.ftl` (Project Fluent), one
//! file a noun.

use std::cell::OnceCell;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};
use serde::{Deserialize, Serialize};

macro_rules! sources {
    ($($noun:literal),+) => {
        const PT: &[&str] = &[$(include_str!(concat!("texts/pt/", $noun, ".ftl"))),+];
        const EN: &[&str] = &[$(include_str!(concat!("texts/en/", $noun, ".ftl"))),+];
    };
}
sources!(
    "alarm_codes",
    "alarms",
    "bundle",
    "commands",
    "console",
    "copies",
    "events",
    "guards",
    "hub",
    "import",
    "page",
    "proof",
    "reasons",
    "restore",
    "snapshot",
    "state",
    "status",
    "take",
    "technician",
    "update"
);

type Bundle = FluentBundle<FluentResource>;

thread_local! {
    // Read once a thread: the daemon says the same few texts for months.
    static BUNDLES: [OnceCell<Bundle>; 2] = const { [OnceCell::new(), OnceCell::new()] };
}

/// The languages that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Portuguese, the language of the first country served.
    #[default]
    Pt,
    /// English.
    En,
}

/// A value inside a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A whole number.
    Number(u64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_string())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// The text `id` in this language. A text that is missing gives its id, so that something is said in any case.
#[must_use]
pub fn say(language: Language, id: &str, values: &[(&str, Value)]) -> String {
    let mut arguments = FluentArgs::new();
    for (name, value) in values {
        let value = match value {
            Value::Text(text) => FluentValue::from(text.clone()),
            Value::Number(number) => FluentValue::from(*number),
        };
        arguments.set((*name).to_string(), value);
    }
    BUNDLES.with(|[pt, en]| {
        let bundle = match language {
            Language::Pt => pt.get_or_init(|| bundle("pt", PT)),
            Language::En => en.get_or_init(|| bundle("en", EN)),
        };
        bundle
            .get_message(id)
            .and_then(|message| message.value())
            .map_or_else(
                || id.to_string(),
                |pattern| {
                    bundle
                        .format_pattern(pattern, Some(&arguments), &mut Vec::new())
                        .into_owned()
                },
            )
    })
}

fn bundle(code: &str, sources: &[&str]) -> Bundle {
    let mut bundle = FluentBundle::new(code.parse().into_iter().collect());
    // The marks for right-to-left scripts show as boxes on a text console.
    bundle.set_use_isolating(false);
    for source in sources {
        let resource = match FluentResource::try_new((*source).to_string()) {
            Ok(resource) | Err((resource, _)) => resource,
        };
        // A text that is there twice stays as it was first; a test sees it.
        bundle.add_resource(resource).ok();
    }
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Each text's id with the names of the values in it.
    fn ids(sources: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
        let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut id = String::new();
        for line in sources.iter().flat_map(|source| source.lines()) {
            if let Some((name, _)) = line
                .split_once(" =")
                .filter(|_| !line.starts_with([' ', '#', '[']))
            {
                id = name.to_string();
                assert!(
                    texts.insert(id.clone(), BTreeSet::new()).is_none(),
                    "{id} is there twice"
                );
            }
            for part in line.split('$').skip(1) {
                let name: String = part
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                texts.entry(id.clone()).or_default().insert(name);
            }
        }
        texts
    }

    #[test]
    fn both_languages_have_the_same_texts_with_the_same_values() {
        assert_eq!(ids(PT), ids(EN));
        for source in PT.iter().chain(EN) {
            FluentResource::try_new(source.to_string())
                .map_err(|(_, errors)| errors)
                .unwrap();
        }
    }

    #[test]
    fn values_stand_in_the_text_without_invisible_marks() {
        let text = say(
            Language::En,
            "page-starting-minutes",
            &[("minutes", 3.into())],
        );
        assert!(
            text.contains("about 3 minutes") && text.is_ascii(),
            "{text}"
        );
        let text = say(
            Language::Pt,
            "page-starting-minutes",
            &[("minutes", 1.into())],
        );
        assert!(
            text.contains("cerca de 1 minuto") && !text.contains("minutos"),
            "{text}"
        );
    }
}
