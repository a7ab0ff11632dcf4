//! `posto console`: the screen on tty1. State in words, the address to open, and a menu for hands without keyboard skill.
//! Whoever stands before the box may read it and restart things; SQL, logs and a shell need the technician's code.
//!
//! `update` decides, `draw` paints, this file does what they ask for. Work runs beside the screen, never in its way.

mod draw;
mod keys;
mod model;
mod snapshots;
mod update;

#[cfg(test)]
mod tests;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::Context;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::{queue, terminal};

use super::{hands, logs};
use crate::events::{self, Event, Moment, Store};
use crate::facility;
use crate::places::Places;
use crate::recovery;
use crate::report::Report;
use crate::system::clock;
use crate::system::process::{Invocation, ProcessError, Running};
use crate::system::units::Units;
use crate::technician;
use crate::texts::{Language, say};
use model::{Act, Effect, Message, Model, Screen, Session, View};

/// How often the screen looks while people wait, and while all is well.
const LOOK_SHUT: Duration = Duration::from_secs(2);
const LOOK_OPEN: Duration = Duration::from_secs(5);
/// Kernel messages may have written over the screen.
const REPAINT_EVERY: Duration = Duration::from_secs(60);
/// Then nobody stands there any more.
const IDLE: Duration = Duration::from_secs(300);
/// A start after an update may migrate the database.
const ACT_LIMIT: Duration = Duration::from_secs(1800);
const SESSION_LIMIT: Duration = Duration::from_secs(30);
/// Events shown.
const EVENTS: u32 = 100;
/// Longest log line taken, characters.
const LINE_LIMIT: usize = 400;

/// What threads report to the screen.
enum News {
    Keys(Vec<keys::Key>),
    Message(Message),
    /// The terminal is gone.
    Lost,
}

/// Runs until it is ended or the terminal is gone; systemd starts it anew.
///
/// # Errors
/// When the terminal is gone or is none.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let places = Places::default();
    terminal::enable_raw_mode().context("the screen needs a terminal")?;
    let done = Screened::new(&places).and_then(Screened::run);
    // On a terminal that stays (not tty1, which systemd resets), what follows is a shell.
    let _ = terminal::disable_raw_mode();
    done.map(|()| ExitCode::SUCCESS)
}

struct Screened<'a> {
    places: &'a Places,
    terminal: Terminal<CrosstermBackend<std::io::Stdout>>,
    model: Model,
    sender: Sender<News>,
    news: Receiver<News>,
    following: Option<Running>,
    last_key: Duration,
    last_look: Duration,
    last_paint: Duration,
}

impl<'a> Screened<'a> {
    fn new(places: &'a Places) -> anyhow::Result<Self> {
        let terminal = blank()?;
        let (sender, news) = channel();
        let keyboard = sender.clone();
        std::thread::spawn(move || read_keys(&keyboard));
        let now = clock::since_boot();
        Ok(Self {
            places,
            terminal,
            model: Model::new(look(places)),
            sender,
            news,
            following: None,
            last_key: now,
            last_look: now,
            last_paint: now,
        })
    }

    fn run(mut self) -> anyhow::Result<()> {
        loop {
            self.paint()?;
            match self.news.recv_timeout(self.until_next_look()) {
                Ok(News::Keys(keys)) => {
                    self.last_key = clock::since_boot();
                    for key in keys {
                        self.take(Message::Key(key));
                    }
                }
                Ok(News::Message(message)) => self.take(message),
                Ok(News::Lost) => anyhow::bail!("the terminal is gone"),
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("nobody reads the keyboard"),
            }
            // A burst of log lines is one picture.
            while let Ok(News::Message(message)) = self.news.try_recv() {
                self.take(message);
            }
        }
    }

    fn until_next_look(&self) -> Duration {
        let every = if self.model.view.report.is_serving() && self.model.screen == Screen::Menu {
            LOOK_OPEN
        } else {
            LOOK_SHUT
        };
        every.saturating_sub(clock::since_boot().saturating_sub(self.last_look))
    }

    /// ratatui writes only what changed.
    fn paint(&mut self) -> std::io::Result<()> {
        let now = clock::since_boot();
        if now.saturating_sub(self.last_paint) > REPAINT_EVERY {
            self.last_paint = now;
            self.terminal = blank()?;
        }
        self.terminal
            .draw(|frame| draw::draw(frame, &self.model))
            .map(drop)
    }

    fn look(&mut self) {
        let now = clock::since_boot();
        self.last_look = now;
        self.take(Message::Looked(Box::new(look(self.places))));
        if now.saturating_sub(self.last_key) > IDLE && self.model.screen != Screen::Menu {
            self.take(Message::Idle);
        }
    }

    fn take(&mut self, message: Message) {
        let (model, effect) = update::update(self.model.clone(), message);
        self.model = model;
        match effect {
            None => {}
            Some(Effect::Look) => self.look(),
            Some(Effect::LoadEvents) => {
                let (places, language) = (self.places.clone(), self.model.language);
                self.beside(move || Message::Events(last_events(&places, language)));
            }
            Some(Effect::LoadSnapshots) => {
                let (places, language) = (self.places.clone(), self.model.language);
                self.beside(move || Message::Snapshots(snapshots::proven(&places, language)));
            }
            Some(Effect::Plan(id)) => {
                let (places, language) = (self.places.clone(), self.model.language);
                self.beside(move || {
                    Message::Planned(id, snapshots::plan_of(&places, id, language))
                });
            }
            Some(Effect::Run(Act::Restore(id))) => {
                let (places, language) = (self.places.clone(), self.model.language);
                self.beside(move || Message::Ended(snapshots::restore(&places, id, language)));
            }
            Some(Effect::Run(act)) => {
                let (places, language) = (self.places.clone(), self.model.language);
                self.beside(move || Message::Ended(act_by_command(&places, act, language)));
            }
            Some(Effect::Check) => self.check(),
            Some(Effect::Follow(subject)) => match follow(subject, self.sender.clone()) {
                Ok(running) => self.following = Some(running),
                Err(error) => self.take(Message::LogLine(error.to_string())),
            },
            // Dropping it ends it.
            Some(Effect::StopFollowing) => self.following = None,
            Some(Effect::Open(session)) => {
                let places = self.places.clone();
                self.beside(move || Message::Ended(open_session(&places, session)));
            }
        }
    }

    fn check(&self) {
        let Screen::Code { typed, .. } = &self.model.screen else {
            return;
        };
        let (places, typed) = (self.places.clone(), typed.clone());
        self.beside(move || {
            let now = Moment::now(&places);
            let outcome = technician::check(&places, &typed, &now);
            Message::Checked(outcome.map_err(|error| error.to_string()))
        });
    }

    /// Does it while the screen goes on.
    fn beside(&self, work: impl FnOnce() -> Message + Send + 'static) {
        let sender = self.sender.clone();
        // When the screen is gone, nobody waits for it.
        std::thread::spawn(move || sender.send(News::Message(work())));
    }
}

/// An empty screen. Not ratatui's own clear: it asks the terminal where the cursor is, and our reader of keys would take
/// the answer.
fn blank() -> std::io::Result<Terminal<CrosstermBackend<std::io::Stdout>>> {
    let mut stdout = std::io::stdout();
    queue!(stdout, terminal::Clear(terminal::ClearType::All))?;
    stdout.flush()?;
    Terminal::new(CrosstermBackend::new(stdout))
}

fn read_keys(sender: &Sender<News>) {
    let mut stdin = std::io::stdin().lock();
    let mut bytes = [0u8; 256];
    loop {
        let news = match stdin.read(&mut bytes) {
            Ok(0) => News::Lost,
            Ok(length) => News::Keys(keys::keys(bytes.get(..length).unwrap_or_default())),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => News::Lost,
        };
        let lost = matches!(news, News::Lost);
        if sender.send(news).is_err() || lost {
            return;
        }
    }
}

fn look(places: &Places) -> View {
    let report = Report::gather(places);
    View {
        password: report.first_password(places),
        code: technician::to_note(places).ok().flatten(),
        recovery: recovery::to_note(places).ok().flatten(),
        report,
    }
}

/// Newest first.
fn last_events(places: &Places, language: Language) -> Vec<String> {
    let (facility, _) = facility::in_force(places);
    let zone = jiff::tz::TimeZone::get(&facility.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let recorded = match Store::open(&places.events()).and_then(|store| store.latest(EVENTS)) {
        Ok(recorded) => recorded,
        Err(error) => return vec![error.to_string()],
    };
    recorded
        .iter()
        .map(|recorded| {
            let time = i64::try_from(recorded.moment.unix_s)
                .ok()
                .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
                .map(|time| {
                    let local = time.to_zoned(zone.clone());
                    local.strftime("%d/%m %H:%M").to_string()
                });
            let words = recorded.event.words(language);
            format!("{}  {words}", time.unwrap_or_default())
        })
        .collect()
}

/// By our own command, so that screen and command line do the same.
fn act_by_command(places: &Places, act: Act, language: Language) -> String {
    let argv: &[&str] = match act {
        Act::Restart => &["restart", "openmrs"],
        Act::Start => &["start", "openmrs"],
        Act::Stop => &["stop", "openmrs"],
        Act::OpenDoor => &["door", "open"],
        Act::CloseDoor => &["door", "close"],
        Act::Noted => &["recovery", "noted", "--all"],
        Act::RestartBox => &["restart-box", "--yes"],
        Act::PowerOff => &["power-off", "--yes"],
        // A unit of its own does it.
        Act::Restore(_) => &["status"],
    };
    match by_command(places, argv, language) {
        Ok(words) | Err(words) => words,
    }
}

/// What our own command says, well or not.
fn by_command(places: &Places, argv: &[&str], language: Language) -> Result<String, String> {
    let program = std::env::current_exe().unwrap_or_else(|_| places.program());
    let said = Invocation::new(program)
        .args(argv)
        .env(hands::LANGUAGE_VARIABLE, hands::code(language))
        .run(ACT_LIMIT);
    match said {
        Ok(words) => Ok(String::from_utf8_lossy(&words).trim().to_string()),
        Err(error) => Err(words_of_failure(&error)),
    }
}

/// What the command said for people, without the command line.
fn words_of_failure(error: &ProcessError) -> String {
    let text = match error {
        ProcessError::Failed { stderr, .. } => stderr.trim(),
        _ => "",
    };
    let words = text.strip_prefix("posto: ").unwrap_or(text);
    if words.is_empty() {
        error.to_string()
    } else {
        clean(words)
    }
}

/// The session's unit takes the terminal; systemd ends this program first and starts it again afterwards.
fn open_session(places: &Places, session: Session) -> String {
    let (unit, what) = match session {
        Session::Sql => ("posto-session@sql.service", "sql"),
        Session::Shell => ("posto-session@shell.service", "shell"),
    };
    events::record(places, &Event::new("technician-session").with("what", what));
    let opened =
        super::wait_for(async { Units::connect().await?.start(unit, SESSION_LIMIT).await });
    match opened {
        Ok(Ok(())) => String::new(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    }
}

fn follow(subject: logs::Subject, sender: Sender<News>) -> Result<Running, ProcessError> {
    let mut running = logs::follow(subject).piped_stdout().spawn()?;
    if let Some(stdout) = running.stdout() {
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout);
            let mut line = Vec::new();
            // A line without an end is bounded, too.
            while let Ok(1..) = lines.by_ref().take(64 * 1024).read_until(b'\n', {
                line.clear();
                &mut line
            }) {
                let text = clean(String::from_utf8_lossy(&line).trim_end());
                if sender.send(News::Message(Message::LogLine(text))).is_err() {
                    return;
                }
            }
        });
    }
    Ok(running)
}

/// Nothing that would move the cursor or change colours.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| !c.is_control() || *c == '\n')
        .take(LINE_LIMIT)
        .collect()
}

/// Printed by the session before its prompt.
pub(super) fn session_greeting(places: &Places, what: &str) -> String {
    let id = if what == "sql" {
        "session-sql"
    } else {
        "session-shell"
    };
    say(hands::language(places), id, &[])
}
