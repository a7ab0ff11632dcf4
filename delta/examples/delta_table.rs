//! The table of docs/benchmarks.md: what one release costs as a patch against another, beside what others would send.
//!
//! `cargo run --release -p posto-delta --example delta_table -- RELEASE_A RELEASE_B [--ours]`
//!
//! Needs `zstd`; `xdelta3` where it is there. Writes beside RELEASE_B, in RELEASE_B.delta, and removes that again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measuring program ends where it fails"
)]

#[path = "delta_table/blocks.rs"]
mod blocks;
#[path = "delta_table/loss.rs"]
mod loss;
#[path = "delta_table/memory.rs"]
mod memory;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use posto_delta::index::Index;
use posto_delta::{apply, bounds, make, written};
use posto_release::manifest::Manifest;

const IMAGES: [&str; 3] = ["root.erofs", "vmlinuz", "initrd.img"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--make", old, new, out, frame_bytes] => make(old, new, out, frame_bytes.parse().unwrap()),
        ["--make-whole", new, out] => make("", new, out, bounds::FRAME_BYTES),
        ["--apply", patch, old, to] => apply(Path::new(patch), Path::new(old), Path::new(to)),
        [old, new] => table(Path::new(old), Path::new(new), true),
        [old, new, "--ours"] => table(Path::new(old), Path::new(new), false),
        _ => panic!("delta_table RELEASE_A RELEASE_B [--ours]"),
    }
}

fn make(old: &str, new: &str, out: &str, frame_bytes: u32) {
    let options = make::Options {
        frame_bytes,
        ..make::Options::default()
    };
    let old = (!old.is_empty()).then(|| Path::new(old));
    let patch = make::release::patch(old, Path::new(new), &options).unwrap();
    patch.write(&mut File::create(out).unwrap()).unwrap();
    memory::print();
}

/// All images, each read back; memory is that of a process that does nothing else.
fn apply(patch: &Path, old: &Path, to: &Path) {
    let mut patch = File::open(patch).unwrap();
    let index = Index::read(&mut patch).unwrap();
    let mut largest = 0;
    for (number, image) in index.images().iter().enumerate() {
        let base = File::open(old.join(&image.name)).unwrap();
        let target = to.join(&image.name);
        let target = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(target)
            .unwrap();
        apply::image(&index, number, 0, &patch, &base, &target, |_| {
            largest = largest.max(memory::anonymous_kib());
        })
        .unwrap();
        written::whole(image, &target).unwrap();
    }
    println!("between frames: {largest} KiB anonymous");
    memory::print();
}

struct Line {
    name: String,
    bytes: u64,
    made: String,
    applied: String,
}

fn table(old: &Path, new: &Path, others: bool) {
    let folder = PathBuf::from(format!("{}.delta", new.display()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut lines = vec![
        ours(old, new, &folder, bounds::FRAME_BYTES),
        ours(old, new, &folder, 4 << 20),
    ];
    if others {
        lines.push(ours_whole(new, &folder));
        lines.extend(zstd(old, new, &folder, true));
        lines.extend(xdelta3(old, new, &folder));
        lines.push(blocks::line(old, new, &IMAGES));
        lines.extend(zstd(old, new, &folder, false));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    println!("| scheme | MB | against zstd --patch-from | made | applied |\n|---|---|---|---|---|");
    let reference = lines
        .iter()
        .find(|line| line.name.contains("--patch-from"))
        .map(|line| line.bytes as f64);
    for line in lines {
        let ratio = reference.map_or(String::new(), |bytes| {
            format!("{:.2}", line.bytes as f64 / bytes)
        });
        println!(
            "| {} | {:.2} | {ratio} | {} | {} |",
            line.name,
            line.bytes as f64 / 1e6,
            line.made,
            line.applied
        );
    }
}

fn ours(old: &Path, new: &Path, folder: &Path, frame_bytes: u32) -> Line {
    let (patch, to) = (folder.join("patch"), folder.join("to"));
    std::fs::create_dir_all(&to).unwrap();
    let made = myself(&[
        "--make".as_ref(),
        old.as_ref(),
        new.as_ref(),
        patch.as_ref(),
        frame_bytes.to_string().as_ref(),
    ]);
    let applied = myself(&[
        "--apply".as_ref(),
        patch.as_ref(),
        old.as_ref(),
        to.as_ref(),
    ]);
    let index = Index::read(&mut File::open(&patch).unwrap()).unwrap();
    let mut parts = String::new();
    for (number, image) in index.images().iter().enumerate() {
        let bytes: u64 = index
            .frames_of(number)
            .map(|frame| u64::from(frame.entry.encoded_bytes))
            .sum();
        parts += &format!(", {} {:.2}", image.name, bytes as f64 / 1e6);
        let manifest = Manifest::from_json(&std::fs::read(new.join("manifest.json")).unwrap());
        if image.name == posto_release::manifest::ROOT {
            let target = File::open(to.join(&image.name)).unwrap();
            written::root(image, &target, &manifest.unwrap().verity).unwrap();
        }
    }
    let whole = loss::as_one(&patch, &index);
    parts += &format!(
        "; all frames' streams packed as one {:.2}",
        whole as f64 / 1e6
    );
    Line {
        name: format!(
            "patch, frames of {} MiB ({} frames, head {:.3}{parts})",
            frame_bytes >> 20,
            index.frames().len(),
            index.head_bytes() as f64 / 1e6
        ),
        bytes: patch.metadata().unwrap().len(),
        made,
        applied,
    }
}

fn ours_whole(new: &Path, folder: &Path) -> Line {
    let patch = folder.join("patch");
    let made = myself(&["--make-whole".as_ref(), new.as_ref(), patch.as_ref()]);
    Line {
        name: "whole frames of 8 MiB, no base".into(),
        bytes: patch.metadata().unwrap().len(),
        made,
        applied: String::new(),
    }
}

/// Runs this program for one step, so that its memory is that step's alone.
fn myself(arguments: &[&std::ffi::OsStr]) -> String {
    let begun = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(arguments)
        .stderr(std::process::Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    format!(
        "{:.1} s, {}",
        begun.elapsed().as_secs_f64(),
        said.trim().replace('\n', ", ")
    )
}

/// Runs a program for each image; its time and the sum of what it wrote.
fn each_image(name: &str, folder: &Path, command: impl Fn(&str, &Path) -> Command) -> Option<Line> {
    let out = folder.join("other");
    let begun = Instant::now();
    let mut bytes = 0;
    let mut parts = String::new();
    for image in IMAGES {
        let status = command(image, &out).status().ok()?;
        assert!(status.success(), "{name} {image}");
        let length = out.metadata().unwrap().len();
        parts += &format!(", {image} {:.2}", length as f64 / 1e6);
        bytes += length;
    }
    Some(Line {
        name: format!("{name} ({})", parts.trim_start_matches(", ")),
        bytes,
        made: format!("{:.1} s", begun.elapsed().as_secs_f64()),
        applied: String::new(),
    })
}

fn zstd(old: &Path, new: &Path, folder: &Path, base: bool) -> Option<Line> {
    let name = if base {
        "zstd -9 --long=31 --patch-from"
    } else {
        "zstd -9, no base"
    };
    each_image(name, folder, |image, out| {
        let mut command = Command::new("zstd");
        command.args(["-q", "-9", "-f"]);
        if base {
            command.arg("--long=31");
            command.arg(format!("--patch-from={}", old.join(image).display()));
        }
        command.arg(new.join(image)).arg("-o").arg(out);
        command
    })
}

fn xdelta3(old: &Path, new: &Path, folder: &Path) -> Option<Line> {
    each_image("xdelta3 -9 -B 1 GiB", folder, |image, out| {
        let mut command = Command::new("xdelta3");
        command.args(["-e", "-9", "-f", "-B", "1073741824", "-s"]);
        command.arg(old.join(image)).arg(new.join(image)).arg(out);
        command
    })
}
