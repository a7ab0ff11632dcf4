//! What a key or an outcome changes: `update(model, message) -> (model, effect)`. Nothing here does I/O.

use std::collections::VecDeque;

use super::keys::Key;
use super::model::{
    Act, CODE_DIGITS, Effect, Item, LOG_LINES, Message, Model, Said, Screen, Session,
};
use crate::technician::Answer;
use crate::texts::Language;

/// Farther than any of the pages is long.
const SCROLL_LIMIT: usize = 120;

/// The model after the message, and what is to be done.
pub(super) fn update(mut model: Model, message: Message) -> (Model, Option<Effect>) {
    let effect = match message {
        Message::Key(key) => on_key(&mut model, key),
        Message::Looked(view) => {
            model.view = *view;
            None
        }
        Message::Events(lines) => {
            if matches!(model.screen, Screen::Events { .. }) {
                model.screen = Screen::Events { lines: Some(lines) };
            }
            None
        }
        Message::Snapshots(found) => {
            if let Screen::Snapshots { rows, at } = &mut model.screen {
                (*rows, *at) = (Some(found), 0);
            }
            None
        }
        Message::Planned(id, planned) => {
            if model.screen == Screen::Planning(id) {
                let screen = match planned {
                    Ok(words) => Screen::Plan {
                        id,
                        words,
                        yes: false,
                    },
                    Err(words) => Screen::Said(words),
                };
                show(&mut model, screen);
            }
            None
        }
        Message::Ended(words) => {
            if matches!(model.screen, Screen::Working(_) | Screen::Opening(_)) {
                show(&mut model, Screen::Said(words));
            }
            Some(Effect::Look)
        }
        Message::Checked(outcome) => {
            checked(&mut model, outcome);
            None
        }
        Message::LogLine(line) => {
            if let Screen::Logs { lines } = &mut model.screen {
                if lines.len() >= LOG_LINES {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
            None
        }
        // Nobody stands there any more: the technician's rights go, too.
        Message::Idle => leave(&mut model),
    };
    let last = model.items().len().saturating_sub(1);
    model.selected = model.selected.min(last);
    (model, effect)
}

fn show(model: &mut Model, screen: Screen) {
    model.screen = screen;
    model.selected = 0;
    model.scroll = 0;
}

fn leave(model: &mut Model) -> Option<Effect> {
    let effect = matches!(model.screen, Screen::Logs { .. }).then_some(Effect::StopFollowing);
    if model.screen != Screen::Menu {
        show(model, Screen::Menu);
    }
    effect
}

fn on_key(model: &mut Model, key: Key) -> Option<Effect> {
    match &mut model.screen {
        Screen::Menu | Screen::Technician => on_menu(model, key),
        Screen::Status | Screen::Events { .. } | Screen::Said(_) => {
            match key {
                Key::Up => model.scroll = model.scroll.saturating_sub(1),
                Key::Down => model.scroll = model.scroll.saturating_add(1).min(SCROLL_LIMIT),
                Key::PageUp => model.scroll = model.scroll.saturating_sub(10),
                Key::PageDown => model.scroll = model.scroll.saturating_add(10).min(SCROLL_LIMIT),
                Key::Enter | Key::Escape | Key::Quit | Key::Backspace => return leave(model),
                _ => {}
            }
            None
        }
        Screen::Ask { act, yes } => {
            match key {
                Key::Up | Key::Left | Key::Digit(1) => *yes = false,
                Key::Down | Key::Right | Key::Digit(2) => *yes = true,
                Key::Enter if *yes => {
                    let act = *act;
                    show(model, Screen::Working(act));
                    return Some(Effect::Run(act));
                }
                Key::Enter | Key::Escape | Key::Quit => return leave(model),
                _ => {}
            }
            None
        }
        Screen::Plan { id, yes, .. } => {
            match key {
                Key::Up | Key::Left | Key::Digit(1) => *yes = false,
                Key::Down | Key::Right | Key::Digit(2) => *yes = true,
                Key::Enter if *yes => {
                    let act = Act::Restore(*id);
                    show(model, Screen::Working(act));
                    return Some(Effect::Run(act));
                }
                Key::Enter | Key::Escape | Key::Quit => return leave(model),
                _ => {}
            }
            None
        }
        Screen::Snapshots { rows, at } => {
            let rows = rows.as_deref().unwrap_or_default();
            let last = rows.len().saturating_sub(1);
            match key {
                Key::Up => *at = at.saturating_sub(1),
                Key::Down => *at = at.saturating_add(1).min(last),
                Key::PageUp => *at = at.saturating_sub(10),
                Key::PageDown => *at = at.saturating_add(10).min(last),
                Key::Enter => {
                    let id = rows.get(*at).map(|row| row.id)?;
                    show(model, Screen::Planning(id));
                    return Some(Effect::Plan(id));
                }
                Key::Escape | Key::Quit => return leave(model),
                _ => {}
            }
            None
        }
        Screen::Planning(_) => match key {
            Key::Escape => leave(model),
            _ => None,
        },
        // The work goes on behind; its outcome shows in the state.
        Screen::Working(_) => match key {
            Key::Escape => leave(model),
            _ => None,
        },
        Screen::Opening(_) => None,
        Screen::Code {
            typed,
            checking,
            said,
        } => {
            if *checking {
                return None;
            }
            match key {
                Key::Digit(digit) if typed.len() < CODE_DIGITS => {
                    *said = None;
                    typed.push(char::from(b'0' + digit));
                }
                Key::Backspace => {
                    typed.pop();
                }
                Key::Enter if typed.len() == CODE_DIGITS => {
                    *checking = true;
                    return Some(Effect::Check);
                }
                Key::Escape | Key::Quit => return leave(model),
                _ => {}
            }
            None
        }
        Screen::Logs { .. } => match key {
            Key::Escape | Key::Quit | Key::Enter => {
                show(model, Screen::Technician);
                Some(Effect::StopFollowing)
            }
            _ => None,
        },
    }
}

fn on_menu(model: &mut Model, key: Key) -> Option<Effect> {
    let items = model.items();
    match key {
        Key::Up => model.selected = model.selected.checked_sub(1).unwrap_or(items.len() - 1),
        Key::Down => model.selected = (model.selected + 1) % items.len(),
        // A digit only goes there: nothing happens by one slip of a finger.
        Key::Digit(digit) => {
            if let Some(at) = usize::from(digit).checked_sub(1)
                && at < items.len()
            {
                model.selected = at;
            }
        }
        Key::Escape => return leave(model),
        Key::Enter => {
            if let Some(item) = items.get(model.selected) {
                return choose(model, *item);
            }
        }
        _ => {}
    }
    None
}

fn choose(model: &mut Model, item: Item) -> Option<Effect> {
    let ask = |act| Screen::Ask { act, yes: false };
    let (screen, effect) = match item {
        Item::Status => (Screen::Status, Some(Effect::Look)),
        Item::Events => (Screen::Events { lines: None }, Some(Effect::LoadEvents)),
        Item::Language => {
            model.language = match model.language {
                Language::Pt => Language::En,
                Language::En => Language::Pt,
            };
            return None;
        }
        Item::Restart => (ask(Act::Restart), None),
        Item::Start => (ask(Act::Start), None),
        Item::Stop => (ask(Act::Stop), None),
        Item::OpenDoor => (ask(Act::OpenDoor), None),
        Item::CloseDoor => (ask(Act::CloseDoor), None),
        Item::Noted => (ask(Act::Noted), None),
        Item::RestartBox => (ask(Act::RestartBox), None),
        Item::PowerOff => (ask(Act::PowerOff), None),
        Item::Technician => (code_asked(None), None),
        Item::Sql => (
            Screen::Opening(Session::Sql),
            Some(Effect::Open(Session::Sql)),
        ),
        Item::Shell => (
            Screen::Opening(Session::Shell),
            Some(Effect::Open(Session::Shell)),
        ),
        Item::Restore => (
            Screen::Snapshots { rows: None, at: 0 },
            Some(Effect::LoadSnapshots),
        ),
        Item::Logs(subject) => (
            Screen::Logs {
                lines: VecDeque::new(),
            },
            Some(Effect::Follow(subject)),
        ),
        Item::Back => (Screen::Menu, None),
    };
    show(model, screen);
    effect
}

fn code_asked(said: Option<Said>) -> Screen {
    Screen::Code {
        typed: String::new(),
        checking: false,
        said,
    }
}

fn checked(model: &mut Model, outcome: Result<Answer, String>) {
    // Whoever went away meanwhile gets no technician's menu.
    if !matches!(model.screen, Screen::Code { checking: true, .. }) {
        return;
    }
    let screen = match outcome {
        Ok(Answer::Right) => Screen::Technician,
        Ok(Answer::Wrong { wait, .. }) if !wait.is_zero() => code_asked(Some(Said::Wait(wait))),
        Ok(Answer::Wrong { left, .. }) => code_asked(Some(Said::Wrong(left))),
        Ok(Answer::Wait(wait)) => code_asked(Some(Said::Wait(wait))),
        Err(words) => code_asked(Some(Said::Failed(words))),
    };
    show(model, screen);
}
