//! The page that nginx shows while the door is shut: Portuguese and English, small, without scripts; it loads itself
//! anew, so that the browser lands on OpenMRS at the address the clerk asked for.

use super::situation::Situation;
use crate::guards::Hold;
use crate::maintenance::Kind;
use crate::texts::{Language, Value, say};

/// Seconds until the browser asks again.
const REFRESH_S: u32 = 5;

/// The page for a situation. `minutes`: how long a start will take, if anybody can say.
#[must_use]
pub fn page(situation: &Situation, minutes: Option<u64>) -> String {
    let mut text = format!(
        "<!doctype html>\n<html lang=\"pt\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"refresh\" content=\"{REFRESH_S}\">\n<title>{}</title><style>body{{font:1.2em sans-serif;\
         margin:15vh auto;max-width:34em;padding:0 1em;color:#222}}section[lang=en]{{color:#666}}progress{{width:100%}}\
         </style></head>\n<body>",
        say(Language::Pt, "page-title", &[])
    );
    for (language, code) in [(Language::Pt, "pt"), (Language::En, "en")] {
        let [heading, detail, last] = words(language, situation, minutes);
        let tag = if language == Language::Pt { "h1" } else { "h2" };
        text.push_str(&format!(
            "<section lang=\"{code}\"><{tag}>{}</{tag}>",
            escaped(&heading)
        ));
        for line in [detail, last].iter().filter(|line| !line.is_empty()) {
            text.push_str(&format!("<p>{}</p>", escaped(line)));
        }
        text.push_str("</section>\n");
    }
    if let Situation::Maintenance {
        percent: Some(percent),
        ..
    } = situation
    {
        text.push_str(&format!(
            "<progress max=\"100\" value=\"{percent}\"></progress>\n"
        ));
    }
    text.push_str("</body></html>\n");
    text
}

fn words(language: Language, situation: &Situation, minutes: Option<u64>) -> [String; 3] {
    let say = |id: &str, values: &[(&str, Value)]| say(language, id, values);
    let minutes = || match minutes {
        Some(minutes) => say("page-starting-minutes", &[("minutes", minutes.into())]),
        None => say("page-starting-longer", &[]),
    };
    let opens = say("page-opens-itself", &[]);
    match situation {
        Situation::Starting | Situation::Serving => [say("page-starting", &[]), minutes(), opens],
        Situation::Installing => [say("page-installing", &[]), minutes(), opens],
        Situation::DatabaseAway | Situation::Unavailable => {
            [say("page-unavailable", &[]), String::new(), opens]
        }
        Situation::Maintenance { kind, percent } => {
            let heading = match kind {
                Kind::Import => say("page-importing", &[]),
                Kind::Restore => say("page-restoring", &[]),
                Kind::Update => say("page-updating", &[]),
                Kind::Other => say("page-maintenance", &[]),
            };
            let progress = percent.map_or_else(String::new, |percent| {
                say("page-progress", &[("percent", u64::from(percent).into())])
            });
            [heading, progress, opens]
        }
        Situation::Held {
            hold: Hold::DiskFull,
        } => [
            say("page-disk-full", &[]),
            say("page-disk-full-detail", &[]),
            opens,
        ],
        Situation::Stopped => [say("page-stopped", &[]), String::new(), opens],
        Situation::DoorClosed => [say("page-door-closed", &[]), String::new(), opens],
        Situation::GaveUp => [
            say("page-gave-up", &[]),
            say("page-gave-up-detail", &[]),
            opens,
        ],
        Situation::Refused { code } => [
            say("page-refused", &[]),
            say("page-refused-code", &[("code", code.as_str().into())]),
            String::new(),
        ],
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_stand_on_the_page_and_it_loads_itself_anew() {
        let text = page(&Situation::Starting, Some(2));
        for part in [
            "cerca de 2 minutos",
            "about 2 minutes",
            "http-equiv=\"refresh\"",
            "lang=\"pt\"",
            "lang=\"en\"",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("<script"));
    }

    #[test]
    fn an_import_shows_how_far_it_is() {
        let text = page(
            &Situation::Maintenance {
                kind: Kind::Import,
                percent: Some(41),
            },
            None,
        );
        assert!(
            text.contains("value=\"41\"") && text.contains("41 %") && text.contains("importada")
        );
    }

    #[test]
    fn a_refusal_names_the_code_to_say_on_the_phone_and_promises_nothing() {
        let text = page(&Situation::Refused { code: "a<b".into() }, None);
        assert!(text.contains("a&lt;b") && !text.contains("opens OpenMRS by itself"));
    }
}
