//! Which modules run, as far as anybody can tell from outside: the login page is legacyui's, `/ws/rest/v1` is
//! webservices.rest's. `<id>.started=true` in the database proves nothing about this run.

use std::time::Duration;

use crate::supervise::http::Browser;
use crate::supervise::seen::{Answer, ModuleSigns};

const LIMIT: Duration = Duration::from_secs(15);
/// Answers anybody while webservices.rest runs; 404 when it does not.
const SESSION: &str = "/openmrs/ws/rest/v1/session";

pub(super) async fn ask(browser: &mut Browser, login_page: bool) -> ModuleSigns {
    let session = browser.get(SESSION, LIMIT).await.answer;
    ModuleSigns {
        login_page,
        rest: match session {
            Answer::Status(200) => Some(true),
            Answer::Status(404) => Some(false),
            _ => None,
        },
    }
}
