//! Asks OpenMRS for a page that a clerk would ask for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::modules;
use crate::places::Places;
use crate::supervise::http::Browser;
use crate::supervise::seen::{Answer, ModuleSigns, Web, ms};
use crate::system::durable;

/// A page; a collection of garbage fits into it.
pub(super) const LIMIT: Duration = Duration::from_secs(15);
const HEALTH_LIMIT: Duration = Duration::from_secs(5);
/// legacyui's login page: needs the database, as every page that matters.
const LOGIN: &str = "/openmrs/login.htm";
const INDEX: &str = "/openmrs/";
/// Asking for it sets a first installation off.
const WIZARD: &str = "/openmrs/initialsetup";
/// The list of modules changes only with a start, or when one of them fails.
const MODULES_EVERY: Duration = Duration::from_secs(60);
const MARK_LIMIT_BYTES: u64 = 64;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Heard {
    good: bool,
    page: Answer,
    started: Answer,
    alive: Answer,
    modules: Option<ModuleSigns>,
}

/// Keeps its connection and session.
#[derive(Debug)]
pub(super) struct Asker {
    browser: Browser,
    please_install: PathBuf,
    asked_install: Vec<u8>,
    modules_asked: Option<Duration>,
}

impl Asker {
    pub(super) fn new(server: SocketAddr, places: &Places) -> Self {
        Self {
            browser: Browser::new(server),
            please_install: places.please_install(),
            asked_install: Vec::new(),
            modules_asked: None,
        }
    }

    /// `well`: the last answer was good, so the page alone is asked for.
    pub(super) async fn ask(&mut self, well: bool, now: Duration) -> Heard {
        self.set_off_installation().await;
        let ok = Answer::Status(200);
        let mut heard = Heard {
            started: ok,
            alive: ok,
            ..Heard::default()
        };
        if !well {
            // Hints only; but while OpenMRS starts they are all that answers.
            heard.started = self.status("/openmrs/health/started", HEALTH_LIMIT).await;
            if heard.started != ok {
                heard.alive = self.status("/openmrs/health/alive", HEALTH_LIMIT).await;
            }
            if heard.started == Answer::Silent {
                return heard;
            }
        }
        let login = self.browser.get(LOGIN, LIMIT).await;
        heard.page = login.answer;
        let form = login.answer == ok && login.has_login_form();
        heard.good = form;
        if !form && matches!(login.answer, Answer::Status(200 | 401 | 403 | 404)) {
            // Without the module that has the login page OpenMRS still has an index.
            heard.page = self.status(INDEX, LIMIT).await;
            heard.good = heard.page == ok;
        }
        heard.good &= heard.started == ok;
        let due = self
            .modules_asked
            .is_none_or(|at| now.saturating_sub(at) >= MODULES_EVERY);
        if heard.good && (due || !form) {
            self.modules_asked = Some(now);
            heard.modules = Some(modules::ask(&mut self.browser, form).await);
        }
        heard
    }

    async fn status(&mut self, path: &str, limit: Duration) -> Answer {
        self.browser.get(path, limit).await.answer
    }

    /// The daemon has no network: it leaves a mark, with another content each time.
    async fn set_off_installation(&mut self) {
        let mark = durable::read(&self.please_install, MARK_LIMIT_BYTES)
            .ok()
            .flatten()
            .unwrap_or_default();
        if !mark.is_empty() && mark != self.asked_install {
            self.asked_install = mark;
            self.browser.get(WIZARD, HEALTH_LIMIT).await;
        }
    }
}

/// Brings what was seen up to date.
pub(super) fn note(web: &mut Web, heard: Heard, asked: Duration, now: Duration) {
    web.streak.note(heard.good, asked, now, LIMIT * 3);
    web.page = heard.page;
    web.started = heard.started;
    web.alive = heard.alive;
    let wrong = matches!(heard.page, Answer::Status(status) if status >= 500);
    web.wrong_since = wrong.then(|| web.wrong_since.unwrap_or_else(|| ms(asked)));
    if let Some(modules) = heard.modules {
        web.modules = Some(modules);
    } else if !heard.good {
        web.modules = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_answers_count_from_the_first_in_a_row() {
        let mut web = Web::default();
        let page = |status| Heard {
            page: Answer::Status(status),
            good: status == 200,
            ..Heard::default()
        };
        let at = Duration::from_secs;
        note(&mut web, page(500), at(1), at(2));
        note(&mut web, page(503), at(3), at(4));
        assert_eq!(web.wrong_since, Some(1000));
        note(&mut web, page(200), at(5), at(6));
        assert_eq!((web.wrong_since, web.streak.is_good()), (None, true));
    }
}
