//! This machine in the words of Prometheus's node exporter, as many families as go into a dozen kilobytes.

use std::fmt::Write;

const LIMIT_BYTES: usize = 12_000;

/// The text.
pub(crate) fn metrics() -> String {
    let mut out = String::new();
    for family in families() {
        if out.len() + family.len() <= LIMIT_BYTES {
            out += &family;
        }
    }
    out
}

fn families() -> Vec<String> {
    let file = |path: &str| std::fs::read_to_string(path).unwrap();
    let mut all = Vec::new();
    let load = file("/proc/loadavg");
    for (minutes, value) in [1, 5, 15].iter().zip(load.split(' ')) {
        let help = format!("{minutes}m load average.");
        let row = [(String::new(), value.parse().unwrap())];
        all.push(family(&format!("node_load{minutes}"), "gauge", &help, &row));
    }
    all.push(family(
        "node_cpu_seconds_total",
        "counter",
        "Seconds the CPUs spent in each mode.",
        &processors(&file("/proc/stat")),
    ));
    for line in file("/proc/meminfo").lines() {
        let (name, rest) = line.split_once(':').unwrap();
        let name = name.replace('(', "_").replace(')', "");
        let number: f64 = rest.trim().trim_end_matches(" kB").parse().unwrap();
        let help = format!("Memory information field {name}_bytes.");
        let row = [(String::new(), number * 1024.0)];
        all.push(family(
            &format!("node_memory_{name}_bytes"),
            "gauge",
            &help,
            &row,
        ));
    }
    for line in file("/proc/vmstat").lines() {
        let (name, number) = line.split_once(' ').unwrap();
        let help = format!("/proc/vmstat information field {name}.");
        let row = [(String::new(), number.parse().unwrap())];
        all.push(family(
            &format!("node_vmstat_{name}"),
            "untyped",
            &help,
            &row,
        ));
    }
    all
}

fn processors(stat: &str) -> Vec<(String, f64)> {
    let modes = [
        "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
    ];
    let mut rows = Vec::new();
    // A clinic's box has four at most.
    let lines = stat.lines().filter(|line| line.starts_with("cpu")).skip(1);
    for (number, line) in lines.take(4).enumerate() {
        for (mode, ticks) in modes.iter().zip(line.split(' ').skip(1)) {
            let labels = format!("{{cpu=\"{number}\",mode=\"{mode}\"}}");
            rows.push((labels, ticks.parse::<f64>().unwrap() / 100.0));
        }
    }
    rows
}

fn family(name: &str, kind: &str, help: &str, rows: &[(String, f64)]) -> String {
    let mut out = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
    for (labels, number) in rows {
        writeln!(out, "{name}{labels} {}", written(*number)).unwrap();
    }
    out
}

/// As Go's %g has it: large ones with an exponent.
fn written(number: f64) -> String {
    if number < 1e6 {
        return number.to_string();
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap();
    format!("{digits}e+{exponent:0>2}")
}
