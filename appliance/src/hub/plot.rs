//! Small plots as paths of SVG. Pure: figures in, text out.

use std::fmt::Write;

/// Width of every plot in its own units.
pub const WIDTH: u32 = 600;
/// Height of a line's plot.
pub const HEIGHT: u32 = 80;
/// A line is not drawn through longer gaps, seconds.
const GAP_S: u64 = 2 * 3600;
/// More points than the screen has are not drawn.
const POINTS: usize = 600;

/// A figure over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// `d` of an SVG path; empty: nothing to draw.
    pub path: String,
    /// The newest figure.
    pub last: Option<f64>,
    /// What the top of the plot stands for.
    pub top: f64,
}

/// The line of `points` (seconds, figure) between two times. `least_top`: the plot's top is no lower.
#[must_use]
pub fn line(points: &[(u64, Option<f64>)], from_s: u64, to_s: u64, least_top: f64) -> Line {
    let known: Vec<(u64, f64)> = points
        .iter()
        .filter(|(at_s, _)| (from_s..=to_s).contains(at_s))
        .filter_map(|(at_s, figure)| Some((*at_s, (*figure)?)))
        .filter(|(_, figure)| figure.is_finite())
        .collect();
    let top = round_up(
        known
            .iter()
            .fold(least_top.max(1.0), |top, (_, figure)| top.max(*figure)),
    );
    let step = known.len().div_ceil(POINTS).max(1);
    let gap_s = GAP_S.max((to_s.saturating_sub(from_s)) / 60);
    let mut path = String::new();
    let mut before: Option<u64> = None;
    for chunk in known.chunks(step) {
        // The highest of those that share a place: peaks are what is looked for.
        let Some((at_s, figure)) = chunk.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)) else {
            continue;
        };
        let joined = before.is_some_and(|before| at_s.saturating_sub(before) <= gap_s);
        let letter = if joined { 'L' } else { 'M' };
        let y = f64::from(HEIGHT) - 2.0 - (figure / top).clamp(0.0, 1.0) * f64::from(HEIGHT - 4);
        write!(path, "{letter}{:.1} {y:.1}", across(at_s, from_s, to_s)).ok();
        if !joined {
            // A lone point shows as a dot.
            path.push_str("h.5");
        }
        before = Some(at_s);
    }
    Line {
        path,
        last: known.last().map(|(_, figure)| *figure),
        top,
    }
}

/// Times when something was so, as a path of bars across the plot. Each (seconds, is so) holds until the next, or for [`GAP_S`].
#[must_use]
pub fn bars(points: &[(u64, bool)], from_s: u64, to_s: u64) -> String {
    let mut path = String::new();
    let mut open: Option<(u64, u64)> = None;
    let mut draw = |start_s: u64, end_s: u64| {
        let (left, right) = (across(start_s, from_s, to_s), across(end_s, from_s, to_s));
        write!(
            path,
            "M{left:.1} 0H{:.1}V20H{left:.1}z",
            right.max(left + 0.8)
        )
        .ok();
    };
    for (at_s, so) in points
        .iter()
        .filter(|(at_s, _)| (from_s..=to_s).contains(at_s))
    {
        open = match open {
            Some((start_s, last_s)) if at_s.saturating_sub(last_s) > GAP_S => {
                draw(start_s, last_s.saturating_add(900).min(to_s));
                so.then_some((*at_s, *at_s))
            }
            Some((start_s, _)) if *so => Some((start_s, *at_s)),
            Some((start_s, _)) => {
                draw(start_s, *at_s);
                None
            }
            None => so.then_some((*at_s, *at_s)),
        };
    }
    if let Some((start_s, last_s)) = open {
        draw(start_s, last_s.saturating_add(900).min(to_s));
    }
    path
}

fn across(at_s: u64, from_s: u64, to_s: u64) -> f64 {
    let whole = to_s.saturating_sub(from_s).max(1);
    let part = at_s.saturating_sub(from_s).min(whole);
    part as f64 / whole as f64 * f64::from(WIDTH)
}

/// The next of 1, 2, 5, 10, 20, 50, ...
fn round_up(figure: f64) -> f64 {
    let mut step = 1.0;
    loop {
        for nice in [1.0, 2.0, 5.0] {
            if figure <= nice * step || step > 1e12 {
                return nice * step;
            }
        }
        step *= 10.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_breaks_where_nothing_was_heard_and_says_its_top_and_last() {
        let points = [
            (0, Some(10.0)),
            (900, Some(30.0)),
            (1800, None),
            (36_000, Some(20.0)),
        ];
        let line = line(&points, 0, 36_000, 1.0);
        assert_eq!(line.path.matches('M').count(), 2);
        assert_eq!(line.path.matches('L').count(), 1);
        assert_eq!((line.last, line.top), (Some(20.0), 50.0));
        assert!(line.path.starts_with("M0.0 62.8"), "{}", line.path);
    }

    #[test]
    fn bars_stand_where_it_was_so_and_end_with_silence() {
        let at = |so| move |quarter: u64| (quarter * 900, so);
        let points: Vec<(u64, bool)> = (0..10)
            .map(at(true))
            .chain((10..20).map(at(false)))
            .chain((60..64).map(at(true)))
            .collect();
        let path = bars(&points, 0, 90_000);
        assert_eq!(path.matches('M').count(), 2);
        assert!(path.starts_with("M0.0 0H60.0V20"), "{path}");
        assert!(bars(&[], 0, 10).is_empty());
    }

    proptest! {
        #[test]
        fn any_figures_give_a_bounded_path(points in prop::collection::vec((any::<u64>(), any::<Option<f64>>()), 0..2000), from_s: u64, to_s: u64) {
            let drawn = line(&points, from_s, to_s, 1.0);
            prop_assert!(drawn.path.len() < 40 * (POINTS + 1));
            let flags: Vec<(u64, bool)> = points.iter().map(|(at, figure)| (*at, figure.is_some())).collect();
            let _ = bars(&flags, from_s, to_s);
        }
    }
}
