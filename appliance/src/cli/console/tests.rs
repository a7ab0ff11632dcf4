//! The screen as people see it, and that no keys or news can break it.

use std::time::Duration;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::draw::draw;
use super::keys::{Key, keys};
use super::model::{Act, Effect, Item, Message, Model, Row, Said, Screen, Session, View};
use super::update::update;
use crate::alarms::Alarm;
use crate::cli::logs::Subject;
use crate::facility::Facility;
use crate::report::{ByHand, Report};
use crate::snapshot::id::Id;
use crate::technician::Answer;
use crate::texts::Language;

fn view() -> View {
    View {
        report: Report {
            facility: Facility {
                id: "cs-namacurra".into(),
                name: "Centro de Saúde de Namacurra".into(),
                ..Facility::default()
            },
            ..Report::of_a_serving_box()
        },
        password: None,
        code: None,
        recovery: None,
    }
}

fn picture(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model)).unwrap();
    let buffer = terminal.backend().buffer();
    let rows: Vec<String> = buffer
        .content()
        .chunks(usize::from(width))
        .map(|row| {
            let row: String = row.iter().map(|cell| cell.symbol()).collect();
            row.trim_end().to_string()
        })
        .collect();
    rows.join("\n")
}

fn after(mut model: Model, bytes: &[u8]) -> (Model, Vec<Effect>) {
    let mut effects = Vec::new();
    for key in keys(bytes) {
        let (next, effect) = update(model, Message::Key(key));
        model = next;
        effects.extend(effect);
    }
    (model, effects)
}

#[test]
fn the_first_screen_is_words_an_address_and_a_menu() {
    let expected = "\
Unidade sanitária: Centro de Saúde de Namacurra (cs-namacurra)
Versão: 2026.11-1

O OpenMRS está aberto.
Abra no navegador:  http://10.0.0.1/











--------------------------------------------------------------------------------
 > 1  Como está o servidor
   2  Reiniciar o OpenMRS
   3  O que aconteceu ultimamente
   4  English
   5  Técnico: SQL, registos, linha de comandos (com o código)
   6  Reiniciar o servidor inteiro
   7  Desligar o servidor
Setas ou algarismos escolhem, Enter executa";
    assert_eq!(picture(&Model::new(view()), 80, 25), expected);
}

#[test]
fn installing_shows_password_and_code_until_they_are_noted() {
    let mut first = view();
    first.password = Some("Abcd-efgh-jkm9".into());
    first.code = Some("1234-5678-9012".into());
    first.recovery = Some("1111-2222-3333-4444-5555".into());
    first.report.alarms.push(Alarm::new(
        "database-missing",
        &[("missing", "ibdata1".into())],
    ));
    let model = Model::new(first);
    let shown = picture(&model, 80, 25);
    for part in [
        "senha Abcd-efgh-jkm9",
        "1234-5678-9012",
        "1111-2222-3333-4444-5555",
        "ALARME",
        "ibdata1",
        "anotado",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let (model, _) = after(model, b"2\r");
    let asked = picture(&model, 80, 25);
    assert!(
        asked.contains("1234-5678-9012")
            && asked.contains("4444-5555")
            && asked.contains("> 1  Não"),
        "{asked}"
    );
    let (model, effects) = after(model, b"\x1b[B\r");
    assert_eq!(effects, [Effect::Run(Act::Noted)]);
    assert!(matches!(model.screen, Screen::Working(Act::Noted)));
}

#[test]
fn nothing_is_restarted_by_one_slip_of_a_finger() {
    // Straight through with Enter: the default answer is no.
    let (model, effects) = after(Model::new(view()), b"\x1b[B\r\r");
    assert_eq!((model.screen, effects), (Screen::Menu, vec![]));
    let (model, effects) = after(Model::new(view()), b"7\r\x1b[B\r");
    assert_eq!(effects, [Effect::Run(Act::PowerOff)]);
    assert_eq!(model.screen, Screen::Working(Act::PowerOff));
}

#[test]
fn the_other_language_is_one_key_away_and_named_in_itself() {
    let (model, _) = after(Model::new(view()), b"4\r");
    assert_eq!(model.language, Language::En);
    let shown = picture(&model, 80, 25);
    assert!(
        shown.contains("OpenMRS is open") && shown.contains("Português"),
        "{shown}"
    );
}

#[test]
fn sql_logs_and_shell_open_only_behind_a_right_code_and_close_when_nobody_is_there() {
    let (model, effects) = after(Model::new(view()), b"5\r1234 5678-9012\r");
    assert_eq!(effects, [Effect::Check]);
    let hidden = picture(&model, 80, 25);
    assert!(
        hidden.contains("****-****-****") && !hidden.contains("1234"),
        "{hidden}"
    );
    let wrong = Answer::Wrong {
        left: 4,
        wait: Duration::ZERO,
    };
    let (refused, _) = update(model.clone(), Message::Checked(Ok(wrong)));
    assert!(matches!(
        &refused.screen,
        Screen::Code { typed, said: Some(Said::Wrong(4)), .. } if typed.is_empty()
    ));
    assert!(picture(&refused, 80, 25).contains("Restam 4 tentativas"));
    let (open, _) = update(model.clone(), Message::Checked(Ok(Answer::Right)));
    assert_eq!(open.screen, Screen::Technician);
    let (sql, effects) = after(open.clone(), b"1\r");
    assert_eq!(effects, [Effect::Open(Session::Sql)]);
    assert_eq!(sql.screen, Screen::Opening(Session::Sql));
    let (logs, effects) = after(open.clone(), b"2\r");
    assert_eq!(effects, [Effect::Follow(Subject::Openmrs)]);
    let (logs, _) = update(logs, Message::LogLine("started".into()));
    assert!(picture(&logs, 80, 25).contains("started"));
    let (gone, effect) = update(logs.clone(), Message::Idle);
    assert_eq!(
        (gone.screen, effect),
        (Screen::Menu, Some(Effect::StopFollowing))
    );
    let (back, effects) = after(logs, b"q");
    assert_eq!(
        (&back.screen, effects),
        (&Screen::Technician, vec![Effect::StopFollowing])
    );
    let (left, _) = after(back, b"\x1b");
    assert_eq!(left.screen, Screen::Menu);
    // Who left while the code was looked at gets nothing.
    let (left, _) = update(model, Message::Idle);
    let (late, _) = update(left, Message::Checked(Ok(Answer::Right)));
    assert_eq!(late.screen, Screen::Menu);
}

fn row(number: u64) -> Row {
    Row {
        id: Id::new(number).unwrap(),
        words: format!("snapshot {number}"),
    }
}

#[test]
fn a_snapshot_is_restored_only_behind_the_code_after_its_plan_and_a_yes() {
    let mut model = Model::new(view());
    assert!(!model.items().contains(&Item::Restore));
    model.screen = Screen::Technician;
    let at = model.items().iter().position(|item| *item == Item::Restore);
    model.selected = at.unwrap();
    let (model, effects) = after(model, b"\r");
    assert_eq!(effects, [Effect::LoadSnapshots]);
    // More than the screen has lines: the chosen one stays in sight.
    let rows = (1..=60).rev().map(row).collect();
    let (model, _) = update(model, Message::Snapshots(rows));
    let (model, _) = after(model, "\x1b[B".repeat(40).as_bytes());
    assert!(picture(&model, 80, 25).contains("> snapshot 20"));
    let (model, effects) = after(model, b"\r");
    let id = Id::new(20).unwrap();
    assert_eq!(effects, [Effect::Plan(id)]);
    let refused = update(model.clone(), Message::Planned(id, Err("damaged".into()))).0;
    assert!(picture(&refused, 80, 25).contains("damaged"));
    let other = Message::Planned(Id::new(3).unwrap(), Ok("other".into()));
    assert_eq!(update(model.clone(), other).0.screen, Screen::Planning(id));
    let plan = (0..30).map(|n| format!("line {n}\n")).collect();
    let (model, _) = update(model, Message::Planned(id, Ok(plan)));
    let shown = picture(&model, 80, 25);
    assert!(
        shown.contains("> 1  N") && shown.contains("line 10"),
        "{shown}"
    );
    // The default answer is no.
    let (left, effects) = after(model.clone(), b"\r");
    assert_eq!((left.screen, effects), (Screen::Menu, vec![]));
    let (working, effects) = after(model, b"\x1b[B\r");
    assert_eq!(effects, [Effect::Run(Act::Restore(id))]);
    assert!(picture(&working, 80, 25).contains("20"));
    let (said, _) = update(working, Message::Ended("it is in place".into()));
    assert!(picture(&said, 80, 25).contains("it is in place"));
}

#[test]
fn a_stopped_openmrs_and_a_shut_door_change_the_menu() {
    let mut stopped = view();
    stopped.report.by_hand = ByHand {
        openmrs_stopped: true,
        door_shut: true,
    };
    let model = Model::new(stopped);
    let items = model.items();
    assert!(items.contains(&Item::Start) && items.contains(&Item::OpenDoor));
    assert!(!items.contains(&Item::Restart));
}

fn message() -> impl Strategy<Value = Message> {
    let key = prop_oneof![
        Just(Key::Up),
        Just(Key::Down),
        Just(Key::Left),
        Just(Key::Right),
        Just(Key::PageUp),
        Just(Key::PageDown),
        Just(Key::Enter),
        Just(Key::Escape),
        Just(Key::Backspace),
        Just(Key::Quit),
        (0u8..10).prop_map(Key::Digit),
    ];
    let answer = prop_oneof![
        Just(Ok(Answer::Right)),
        (0u32..5).prop_map(|left| Ok(Answer::Wrong {
            left,
            wait: Duration::ZERO
        })),
        (0u64..9999).prop_map(|s| Ok(Answer::Wait(Duration::from_secs(s)))),
        "\\PC{0,20}".prop_map(Err),
    ];
    prop_oneof![
        8 => key.prop_map(Message::Key),
        1 => (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(code, stopped, shut)| {
            let mut view = view();
            view.code = code.then(|| "1".to_string());
            view.report.by_hand = ByHand { openmrs_stopped: stopped, door_shut: shut };
            Message::Looked(Box::new(view))
        }),
        1 => proptest::collection::vec("\\PC{0,200}", 0..40).prop_map(Message::Events),
        1 => (0u64..40).prop_map(|count| Message::Snapshots((1..=count).map(row).collect())),
        1 => (1u64..40, any::<bool>(), "\\PC{0,900}").prop_map(|(id, good, words)| {
            Message::Planned(Id::new(id).unwrap(), if good { Ok(words) } else { Err(words) })
        }),
        1 => "\\PC{0,400}".prop_map(Message::Ended),
        1 => answer.prop_map(Message::Checked),
        1 => "\\PC{0,400}".prop_map(Message::LogLine),
        1 => Just(Message::Idle),
    ]
}

proptest! {
    #[test]
    fn no_keys_and_no_news_break_the_screen_at_any_size(
        messages in proptest::collection::vec(message(), 0..60), width in 0u16..140, height in 0u16..60
    ) {
        let mut model = Model::new(view());
        let mut right = false;
        for message in messages {
            let was = matches!(model.screen, Screen::Code { checking: true, .. } | Screen::Technician | Screen::Logs { .. }
                | Screen::Snapshots { .. } | Screen::Planning(_) | Screen::Plan { .. });
            right = (right && was) || message == Message::Checked(Ok(Answer::Right));
            let (next, effect) = update(model, message);
            model = next;
            prop_assert!(model.selected < model.items().len());
            if matches!(effect, Some(Effect::Open(_) | Effect::Follow(_) | Effect::Plan(_) | Effect::Run(Act::Restore(_)))) {
                prop_assert!(right, "opened without a right code");
            }
        }
        if width > 0 && height > 0 {
            picture(&model, width, height);
        }
    }
}
