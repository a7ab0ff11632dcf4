//! `/metrics` in Prometheus's text format 0.0.4: names and labels as its guide has them (base units, `_total`, no label that grows with
//! time). One line a site and figure; what is not known has no line.

use std::fmt::Write;

use super::Hub;
use super::condition::Condition;
use super::counts::{BUCKETS_S, Fate};
use super::fleet::Site;
use crate::health::frame::{Door, Frame, Proof, Smart, Tri};

/// Content-Type.
pub const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

type Figure = fn(&Site, u64) -> Option<f64>;

/// Gauges of sites: name, help, figure.
const SITES: &[(&str, &str, Figure)] = &[
    (
        "posto_site_last_heard_timestamp_seconds",
        "When the site was last heard, by the hub's clock.",
        |site, _| site.rhythm.last_s().map(|s| s as f64),
    ),
    (
        "posto_site_silence_allowed_seconds",
        "How long the site may be silent before it counts as silent, by its usual rhythm.",
        |site, _| site.rhythm.last_s().map(|_| site.rhythm.allowed_s() as f64),
    ),
    (
        "posto_site_silent",
        "1 while the site is silent for longer than usual.",
        |site, _| site.key.map(|_| f64::from(u8::from(site.is_silent))),
    ),
    (
        "posto_site_alarm_number",
        "The worst standing alarm by its number; 0: none.",
        |site, _| Some(f64::from(site.frame()?.alarm.unwrap_or(0))),
    ),
    (
        "posto_site_openmrs_up",
        "1 when OpenMRS answers as it should.",
        |site, _| tri(site.frame()?.state.openmrs),
    ),
    (
        "posto_site_database_up",
        "1 when the database answers.",
        |site, _| tri(site.frame()?.state.database),
    ),
    (
        "posto_site_door_open",
        "1 when the door between network and OpenMRS is open.",
        |site, _| match site.frame()?.state.door {
            Door::Unknown => None,
            Door::Shut => Some(0.0),
            Door::Open => Some(1.0),
        },
    ),
    (
        "posto_site_disk_healthy",
        "1 good, 0.5 worn, 0 failing, by what the data disk says of itself.",
        |site, _| match site.frame()?.state.smart {
            Smart::Unknown => None,
            Smart::Good => Some(1.0),
            Smart::Worn => Some(0.5),
            Smart::Failing => Some(0.0),
        },
    ),
    (
        "posto_site_snapshot_proven",
        "1 when the newest snapshot was proven, 0 when it was proven to be bad.",
        |site, _| match site.frame()?.state.proof {
            Proof::Unknown | Proof::Not => None,
            Proof::Good => Some(1.0),
            Proof::Bad => Some(0.0),
        },
    ),
    (
        "posto_site_snapshot_age_seconds",
        "Age of the newest snapshot now.",
        |site, now_s| age(site, now_s, Frame::snapshot_age_s),
    ),
    (
        "posto_site_copy_age_seconds",
        "Age of the newest copy off the box now.",
        |site, now_s| age(site, now_s, Frame::copy_age_s),
    ),
    (
        "posto_site_encounter_age_seconds",
        "Age of the newest committed encounter now.",
        |site, now_s| age(site, now_s, Frame::encounter_age_s),
    ),
    (
        "posto_site_encounters_today",
        "Encounters entered since midnight, local time, at the newest frame.",
        |site, _| site.frame()?.encounters_today.map(f64::from),
    ),
    (
        "posto_site_journal_behind_days",
        "Days of the journal that are not off the box yet (23: or more).",
        |site, _| site.frame()?.journal_days_behind.map(f64::from),
    ),
    (
        "posto_site_budget_left_bytes",
        "Left of the month's budget for sending.",
        |site, _| site.frame()?.budget_left_mb.map(|mb| f64::from(mb) * 1e6),
    ),
    (
        "posto_site_disk_used_ratio",
        "Share of the data disk that is used.",
        |site, _| {
            site.frame()?
                .disk_used_percent
                .map(|p| f64::from(p) / 100.0)
        },
    ),
    (
        "posto_site_disk_free_bytes",
        "Free on the data disk.",
        |site, _| site.frame()?.disk_free_gb.map(|gb| f64::from(gb) * 1e9),
    ),
    (
        "posto_site_disk_wear_ratio",
        "Share of the data disk's endurance that is used (may pass 1).",
        |site, _| site.frame()?.wear_percent.map(|p| f64::from(p) / 100.0),
    ),
    (
        "posto_site_memory_pressure_ratio",
        "Share of five minutes in which something waited for memory.",
        |site, _| {
            site.frame()?
                .memory_pressure_percent
                .map(|p| f64::from(p) / 100.0)
        },
    ),
    (
        "posto_site_temperature_celsius",
        "The hottest sensor.",
        |site, _| site.frame()?.temperature_c.map(f64::from),
    ),
];

/// The text.
#[must_use]
pub fn text(hub: &Hub, now_s: u64) -> String {
    let mut out = String::with_capacity(256 * 1024);
    of_hub(hub, &mut out);
    let fleet = hub.fleet();
    head(
        &mut out,
        "posto_hub_boxes_pending",
        "gauge",
        "Boxes that wait for an officer.",
    );
    line(
        &mut out,
        "posto_hub_boxes_pending",
        &[],
        fleet.pending().len() as f64,
    );
    head(
        &mut out,
        "posto_hub_sites",
        "gauge",
        "Sites by how they are.",
    );
    for (condition, count) in Condition::counts(fleet.sites().values()) {
        line(
            &mut out,
            "posto_hub_sites",
            &[("condition", condition.code())],
            count as f64,
        );
    }
    head(
        &mut out,
        "posto_site_info",
        "gauge",
        "Always 1: where the site is and which release it runs.",
    );
    for (id, site) in fleet.sites() {
        let labels = [
            ("site", id.as_str()),
            ("name", &site.name),
            ("district", &site.district),
            ("province", &site.province),
            ("release", &site.release),
        ];
        line(&mut out, "posto_site_info", &labels, 1.0);
    }
    for (name, help, figure) in SITES {
        head(&mut out, name, "gauge", help);
        for (id, site) in fleet.sites() {
            if let Some(value) = figure(site, now_s) {
                line(&mut out, name, &[("site", id)], value);
            }
        }
    }
    head(
        &mut out,
        "posto_site_unclean_boots_total",
        "counter",
        "Boots that did not end in order: power cuts.",
    );
    for (id, site) in fleet.sites() {
        if let Some(boots) = site.frame().and_then(|frame| frame.unclean_boots) {
            line(
                &mut out,
                "posto_site_unclean_boots_total",
                &[("site", id)],
                f64::from(boots),
            );
        }
    }
    out
}

fn of_hub(hub: &Hub, out: &mut String) {
    use std::sync::atomic::Ordering::Relaxed;
    let counts = &hub.counts;
    let name = "posto_hub_messages_total";
    head(
        out,
        name,
        "counter",
        "Frames and hellos by what became of them.",
    );
    for fate in Fate::ALL {
        line(out, name, &[("fate", fate.label())], counts.of(fate) as f64);
    }
    for (name, help, counter) in [
        (
            "posto_hub_frames_off_time_total",
            "Frames whose box's clock was not believed.",
            &counts.off_time,
        ),
        (
            "posto_hub_commits_total",
            "Transactions that kept frames.",
            &counts.commits,
        ),
        (
            "posto_hub_logins_failed_total",
            "Logins that failed.",
            &counts.logins_failed,
        ),
        (
            "posto_hub_notices_told_total",
            "Notices that the webhook took.",
            &counts.notices_told,
        ),
    ] {
        head(out, name, "counter", help);
        line(out, name, &[], counter.load(Relaxed) as f64);
    }
    let name = "posto_hub_keep_seconds";
    head(
        out,
        name,
        "histogram",
        "From a frame's coming to its being on the disk.",
    );
    let (cumulated, sum_s) = counts.times();
    let ends = BUCKETS_S
        .iter()
        .map(f64::to_string)
        .chain(["+Inf".to_string()]);
    for (end, count) in ends.zip(cumulated) {
        line(
            out,
            "posto_hub_keep_seconds_bucket",
            &[("le", &end)],
            count as f64,
        );
    }
    line(out, "posto_hub_keep_seconds_sum", &[], sum_s);
    line(
        out,
        "posto_hub_keep_seconds_count",
        &[],
        cumulated.last().copied().unwrap_or(0) as f64,
    );
}

fn age(site: &Site, now_s: u64, age_s: fn(&Frame) -> Option<u64>) -> Option<f64> {
    site.aged(now_s, age_s).map(|s| s as f64)
}

fn tri(tri: Tri) -> Option<f64> {
    match tri {
        Tri::Unknown => None,
        Tri::No => Some(0.0),
        Tri::Yes => Some(1.0),
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    out.push_str(name);
    for (at, (label, text)) in labels.iter().enumerate() {
        out.push(if at == 0 { '{' } else { ',' });
        out.push_str(label);
        out.push_str("=\"");
        for character in text.chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    if !labels.is_empty() {
        out.push('}');
    }
    writeln!(out, " {value}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_quoted_and_figures_plain() {
        let mut out = String::new();
        line(&mut out, "a", &[("x", "o \"b\"\\\n"), ("y", "")], 1.5);
        line(&mut out, "b", &[], 3e9);
        assert_eq!(
            out,
            "a{x=\"o \\\"b\\\"\\\\\\n\",y=\"\"} 1.5\nb 3000000000\n"
        );
    }
}
