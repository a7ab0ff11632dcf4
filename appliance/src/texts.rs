//! What technicians and clerks read, in Portuguese and English: `texts/pt.ftl`, `texts/en.ftl` (Project Fluent).

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};
use serde::{Deserialize, Serialize};

const PT: &str = include_str!("texts/pt.ftl");
const EN: &str = include_str!("texts/en.ftl");

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
    let (code, source) = match language {
        Language::Pt => ("pt", PT),
        Language::En => ("en", EN),
    };
    let resource = match FluentResource::try_new(source.to_string()) {
        Ok(resource) | Err((resource, _)) => resource,
    };
    let mut bundle = FluentBundle::new(code.parse().into_iter().collect());
    // The marks for right-to-left scripts show as boxes on a text console.
    bundle.set_use_isolating(false);
    if bundle.add_resource(resource).is_err() {
        return id.to_string();
    }
    let mut arguments = FluentArgs::new();
    for (name, value) in values {
        let value = match value {
            Value::Text(text) => FluentValue::from(text.clone()),
            Value::Number(number) => FluentValue::from(*number),
        };
        arguments.set((*name).to_string(), value);
    }
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Each text's id with the names of the values in it.
    fn ids(source: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut id = String::new();
        for line in source.lines() {
            if let Some((name, _)) = line
                .split_once(" =")
                .filter(|_| !line.starts_with([' ', '#', '[']))
            {
                id = name.to_string();
                texts.entry(id.clone()).or_default();
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
        for source in [PT, EN] {
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
