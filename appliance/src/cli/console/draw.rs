//! The screen's picture: 80x25 characters, 16 colours, no mouse, nothing a text console's font lacks.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::model::{Act, CODE_DIGITS, Item, Model, Row, Said, Screen, Session};
use crate::cli::logs::Subject;
use crate::cli::status::{address_to_open, details, newest_snapshot, situation};
use crate::health::alarm_code::AlarmCode;
use crate::texts::{Language, Value, say};

const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);
const GOOD: Style = Style::new().fg(Color::Green).add_modifier(Modifier::BOLD);
const WAITING: Style = Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const HINT: Style = Style::new().fg(Color::Cyan);

/// Draws the model.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model) {
    let text = |id: &str| say(model.language, id, &[]);
    match &model.screen {
        Screen::Menu => menu(frame, model, state(model), None),
        Screen::Technician => {
            let warning = vec![
                Line::styled(text("screen-technician"), STRONG),
                Line::default(),
                Line::raw(text("screen-technician-care")),
            ];
            menu(frame, model, warning, None);
        }
        Screen::Ask { act, yes } => ask(frame, model, *act, *yes),
        Screen::Status => page(
            frame,
            model,
            &text("screen-status"),
            lines_of(&details(&model.view.report, model.language)),
            "screen-hint-page",
        ),
        Screen::Events { lines } => {
            let body = match lines {
                None => vec![Line::raw(text("screen-reading"))],
                Some(lines) if lines.is_empty() => vec![Line::raw(text("screen-no-events"))],
                Some(lines) => lines.iter().map(|line| Line::raw(line.as_str())).collect(),
            };
            page(
                frame,
                model,
                &text("screen-events"),
                body,
                "screen-hint-page",
            );
        }
        Screen::Said(words) => {
            let mut body = lines_of(words);
            body.push(Line::default());
            body.extend(state(model));
            page(frame, model, &text("screen-done"), body, "screen-hint-back");
        }
        Screen::Working(act) => {
            let mut body = vec![Line::styled(text("screen-wait"), WAITING), Line::default()];
            body.extend(state(model));
            page(
                frame,
                model,
                &title_of(model.language, *act),
                body,
                "screen-hint-working",
            );
        }
        Screen::Opening(session) => {
            let id = match session {
                Session::Sql => "screen-opening-sql",
                Session::Shell => "screen-opening-shell",
            };
            page(
                frame,
                model,
                &text("screen-technician"),
                vec![Line::raw(text(id))],
                "screen-hint-opening",
            );
        }
        Screen::Snapshots { rows, at } => snapshots(frame, model, rows.as_deref(), *at),
        Screen::Planning(id) => {
            let body = vec![Line::styled(text("screen-planning"), WAITING)];
            let title = title_of(model.language, Act::Restore(*id));
            page(frame, model, &title, body, "screen-hint-opening");
        }
        Screen::Plan { id, words, yes } => {
            // The answers first: the plan may be longer than the screen.
            let mut body = vec![
                Line::raw(text("screen-restore-ask")),
                option(1, &text("answer-no"), !yes),
                option(2, &text("answer-yes"), *yes),
                Line::default(),
            ];
            body.extend(lines_of(words));
            let title = title_of(model.language, Act::Restore(*id));
            page(frame, model, &title, body, "screen-hint-ask");
        }
        Screen::Code {
            typed,
            checking,
            said,
        } => {
            let body = code(model.language, typed, *checking, said.as_ref());
            page(frame, model, &text("screen-code"), body, "screen-hint-code");
        }
        Screen::Logs { lines } => {
            let [top, body] = split(frame.area(), 1);
            let title = format!("{}   {}", text("screen-logs"), text("screen-hint-logs"));
            frame.render_widget(Paragraph::new(Line::styled(title, HINT)), top);
            // Cut off instead of wrapped: a line of Java's would push all others away.
            let shown = usize::from(body.height);
            let lines: Vec<Line<'_>> = lines
                .iter()
                .skip(lines.len().saturating_sub(shown))
                .map(|line| Line::raw(line.as_str()))
                .collect();
            frame.render_widget(Paragraph::new(lines), body);
        }
    }
}

fn split(area: Rect, top: u16) -> [Rect; 2] {
    Layout::vertical([Constraint::Length(top), Constraint::Min(0)]).areas(area)
}

fn lines_of(text: &str) -> Vec<Line<'static>> {
    text.lines()
        .map(|line| Line::raw(line.to_string()))
        .collect()
}

/// State in words, and the address to open.
fn state(model: &Model) -> Vec<Line<'static>> {
    let language = model.language;
    let report = &model.view.report;
    let say = |id: &str, values: &[(&str, Value)]| say(language, id, values);
    let name = [
        ("name", report.facility.name.as_str().into()),
        ("id", report.facility.id.as_str().into()),
    ];
    let mut lines = vec![Line::styled(say("console-facility", &name), STRONG)];
    let release = [("release", report.release.as_str().into())];
    lines.push(Line::raw(say("console-release", &release)));
    if report.stand_in {
        lines.push(Line::styled(say("console-stand-in", &[]), BAD));
    }
    lines.push(Line::default());
    let style = match (&report.judgement, report.is_serving()) {
        (_, true) => GOOD,
        (None, false) => BAD,
        (Some(_), false) => WAITING,
    };
    lines.push(Line::styled(situation(report, language), style));
    if report.addresses.is_empty() {
        lines.push(Line::raw(say("console-no-address", &[])));
    } else {
        let mut line = vec![Span::raw(say("console-open", &[]))];
        for address in &report.addresses {
            line.push(Span::raw("  "));
            line.push(Span::styled(address_to_open(address), STRONG));
        }
        lines.push(Line::from(line));
    }
    if let Some(snapshots) = report.snapshots.filter(|all| all.newest.is_some()) {
        let values = [("words", newest_snapshot(&snapshots, language).into())];
        lines.push(Line::raw(say("console-snapshot", &values)));
    }
    if let Some(password) = &model.view.password {
        let values = [("password", password.as_str().into())];
        lines.push(Line::raw(say("console-admin", &values)));
    }
    if let Some(code) = &model.view.code {
        let values = [("code", code.as_str().into())];
        lines.push(Line::styled(say("console-technician", &values), STRONG));
    }
    if let Some(code) = &model.view.recovery {
        let values = [("code", code.as_str().into())];
        lines.push(Line::styled(say("console-recovery", &values), STRONG));
    }
    for alarm in &report.alarms {
        let number = AlarmCode::named(&alarm.code).number;
        let values = [
            ("number", u64::from(number).into()),
            ("code", alarm.code.as_str().into()),
        ];
        lines.push(Line::styled(say("console-alarm", &values), BAD));
        lines.push(Line::raw(alarm.text(language).to_string()));
    }
    lines
}

fn menu(frame: &mut Frame<'_>, model: &Model, above: Vec<Line<'_>>, hint: Option<&str>) {
    let items = model.items();
    let height = u16::try_from(items.len()).unwrap_or(u16::MAX);
    let areas: [Rect; 4] = Layout::vertical([
        Constraint::Min(3),
        Constraint::Length(1),
        Constraint::Length(height),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [top, rule, list, foot] = areas;
    frame.render_widget(Paragraph::new(above).wrap(Wrap { trim: false }), top);
    frame.render_widget(
        Paragraph::new("-".repeat(usize::from(rule.width))).style(HINT),
        rule,
    );
    let lines: Vec<Line<'_>> = items
        .iter()
        .enumerate()
        .map(|(at, item)| option(at + 1, &label(model.language, *item), at == model.selected))
        .collect();
    frame.render_widget(Paragraph::new(lines), list);
    let hint = say(model.language, hint.unwrap_or("screen-hint-menu"), &[]);
    frame.render_widget(Paragraph::new(Line::styled(hint, HINT)), foot);
}

fn option(number: usize, words: &str, chosen: bool) -> Line<'static> {
    let (mark, style) = if chosen {
        (">", CHOSEN)
    } else {
        (" ", Style::new())
    };
    Line::styled(format!(" {mark} {number}  {words} "), style)
}

fn label(language: Language, item: Item) -> String {
    let id = match item {
        Item::Status => "menu-status",
        Item::Restart => "menu-restart",
        Item::Start => "menu-start",
        Item::OpenDoor => "menu-open-door",
        Item::Events => "menu-events",
        // In the other language: who needs it cannot read this one.
        Item::Language => "menu-language",
        Item::Noted => "menu-noted",
        Item::Technician => "menu-technician",
        Item::RestartBox => "menu-restart-box",
        Item::PowerOff => "menu-power-off",
        Item::Sql => "menu-sql",
        Item::Logs(Subject::Openmrs) => "menu-logs-openmrs",
        Item::Logs(Subject::Database) => "menu-logs-database",
        Item::Logs(Subject::Posto) => "menu-logs-posto",
        Item::Logs(Subject::Door) => "menu-logs-door",
        Item::Shell => "menu-shell",
        Item::Restore => "menu-restore",
        Item::CloseDoor => "menu-close-door",
        Item::Stop => "menu-stop",
        Item::Back => "menu-back",
    };
    say(language, id, &[])
}

const fn asked(act: Act) -> &'static str {
    match act {
        Act::Restart => "ask-restart",
        Act::Start => "ask-start",
        Act::Stop => "ask-stop",
        Act::OpenDoor => "ask-open-door",
        Act::CloseDoor => "ask-close-door",
        Act::Noted => "ask-noted",
        Act::RestartBox => "ask-restart-box",
        Act::PowerOff => "ask-power-off",
        Act::Restore(_) => "screen-restore-ask",
    }
}

fn title_of(language: Language, act: Act) -> String {
    let item = match act {
        Act::Restart => Item::Restart,
        Act::Start => Item::Start,
        Act::Stop => Item::Stop,
        Act::OpenDoor => Item::OpenDoor,
        Act::CloseDoor => Item::CloseDoor,
        Act::Noted => Item::Noted,
        Act::RestartBox => Item::RestartBox,
        Act::PowerOff => Item::PowerOff,
        Act::Restore(id) => {
            let values = [("id", id.to_string().into())];
            return say(language, "screen-restore", &values);
        }
    };
    label(language, item)
}

fn ask(frame: &mut Frame<'_>, model: &Model, act: Act, yes: bool) {
    let text = |id: &str| say(model.language, id, &[]);
    let mut body = lines_of(&text(asked(act)));
    if act == Act::Noted {
        for code in [&model.view.code, &model.view.recovery]
            .into_iter()
            .flatten()
        {
            body.push(Line::default());
            body.push(Line::styled(format!("    {code}"), STRONG));
        }
    }
    body.push(Line::default());
    body.push(option(1, &text("answer-no"), !yes));
    body.push(option(2, &text("answer-yes"), yes));
    page(
        frame,
        model,
        &title_of(model.language, act),
        body,
        "screen-hint-ask",
    );
}

fn snapshots(frame: &mut Frame<'_>, model: &Model, rows: Option<&[Row]>, at: usize) {
    let text = |id: &str| say(model.language, id, &[]);
    let body = match rows {
        None => vec![Line::raw(text("screen-reading"))],
        Some([]) => vec![Line::raw(text("screen-no-snapshots"))],
        Some(rows) => {
            // The chosen one stays in sight: title and hint take three lines.
            let height = usize::from(frame.area().height.saturating_sub(3)).max(1);
            let first = at.saturating_sub(height - 1);
            let line = |(number, row): (usize, &Row)| {
                let (mark, style) = if number == at {
                    (">", CHOSEN)
                } else {
                    (" ", Style::new())
                };
                Line::styled(format!(" {mark} {} ", row.words), style)
            };
            let shown = rows.iter().enumerate().skip(first).take(height);
            shown.map(line).collect()
        }
    };
    let title = text("screen-snapshots");
    page(frame, model, &title, body, "screen-hint-snapshots");
}

fn code(
    language: Language,
    typed: &str,
    checking: bool,
    said: Option<&Said>,
) -> Vec<Line<'static>> {
    let mut shown = String::from("    ");
    for at in 0..CODE_DIGITS {
        if at > 0 && at % 4 == 0 {
            shown.push('-');
        }
        // Hidden: clerks look on.
        shown.push(if at < typed.len() { '*' } else { '_' });
    }
    let mut lines = lines_of(&say(language, "screen-code-ask", &[]));
    lines.extend([
        Line::default(),
        Line::styled(shown, STRONG),
        Line::default(),
    ]);
    if checking {
        lines.push(Line::styled(say(language, "screen-wait", &[]), WAITING));
    }
    match said {
        None => {}
        Some(Said::Wrong(left)) => {
            let values = [("left", u64::from(*left).into())];
            lines.push(Line::styled(
                say(language, "screen-code-wrong", &values),
                BAD,
            ));
        }
        Some(Said::Wait(wait)) => {
            let minutes = wait.as_secs().div_ceil(60);
            let values = [("minutes", minutes.into())];
            lines.push(Line::styled(
                say(language, "screen-code-wait", &values),
                BAD,
            ));
        }
        Some(Said::Failed(words)) => lines.push(Line::styled(words.clone(), BAD)),
    }
    lines
}

/// One thing on the whole screen: title, what it says, and how to go on.
fn page(frame: &mut Frame<'_>, model: &Model, title: &str, body: Vec<Line<'_>>, hint: &str) {
    let [head, middle, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(
        Paragraph::new(Line::styled(title.to_string(), STRONG)),
        head,
    );
    let width = usize::from(middle.width).max(1);
    let rows: usize = body
        .iter()
        .map(|line| line.width().div_ceil(width).max(1))
        .sum();
    let last = rows.saturating_sub(usize::from(middle.height));
    let scroll = u16::try_from(model.scroll.min(last)).unwrap_or(u16::MAX);
    frame.render_widget(
        Paragraph::new(body)
            .wrap(Wrap { trim: false })
            .scroll((scroll, 0)),
        middle,
    );
    let hint = say(model.language, hint, &[]);
    frame.render_widget(Paragraph::new(Line::styled(hint, HINT)), foot);
}
