//! What came of the cuts, by phase.

use std::collections::BTreeMap;
use std::time::Duration;

use super::check::{Case, Report};

#[derive(Debug, Default)]
struct Row {
    cuts: u64,
    torn: u64,
    unflushed: usize,
    databases: u64,
    proofs: u64,
    snapshots: u64,
    looked_for: usize,
    lost: usize,
    mended: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<&'static str, Row>,
    complaints: Vec<String>,
}

impl Table {
    pub(crate) fn enter(&mut self, case: &Case, report: Report) {
        let row = self.rows.entry(case.cut.phase).or_default();
        row.cuts += 1;
        row.torn += u64::from(case.loss.torn_writes > 0);
        row.unflushed = row.unflushed.max(case.loss.pending_writes);
        row.databases += u64::from(report.database);
        row.proofs += report.proofs;
        row.snapshots += report.snapshots;
        row.looked_for += report.looked_for;
        row.lost += report.lost;
        row.mended += report.mended;
        for complaint in report.complaints {
            let cut = format!(
                "{}, entry {}, {:?}: {complaint}",
                case.cut.phase, case.cut.position, case.cut.fate
            );
            println!("WRONG after {cut}");
            self.complaints.push(cut);
        }
    }

    pub(crate) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    pub(crate) fn print(&self, time: Duration) {
        println!(
            "\n{:<34} {:>4} {:>5} {:>9} {:>9} {:>9} {:>6} {:>10} {:>5} {:>6}",
            "power cut during",
            "cuts",
            "torn",
            "unflushed",
            "snapshots",
            "databases",
            "proofs",
            "looked for",
            "lost",
            "mended"
        );
        let mut all = Row::default();
        for (phase, row) in &self.rows {
            line(phase, row);
            all.cuts += row.cuts;
            all.torn += row.torn;
            all.unflushed = all.unflushed.max(row.unflushed);
            all.databases += row.databases;
            all.proofs += row.proofs;
            all.snapshots += row.snapshots;
            all.looked_for += row.looked_for;
            all.lost += row.lost;
            all.mended += row.mended;
        }
        line("all", &all);
        println!(
            "{} cut points, {} lost records, {} other complaints, {} s",
            all.cuts,
            all.lost,
            self.complaints.len(),
            time.as_secs()
        );
    }
}

fn line(name: &str, row: &Row) {
    println!(
        "{name:<34} {:>4} {:>5} {:>9} {:>9} {:>9} {:>6} {:>10} {:>5} {:>6}",
        row.cuts,
        row.torn,
        row.unflushed,
        row.snapshots,
        row.databases,
        row.proofs,
        row.looked_for,
        row.lost,
        row.mended
    );
}
