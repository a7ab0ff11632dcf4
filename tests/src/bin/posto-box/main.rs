//! Runs a built release here for a person: what `./start` calls after building.

mod qemu;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use posto_tests::command::command;
use posto_tests::container::{Container, DataFile, Limits, Options, enter_prefix, facility_file};
use posto_tests::qemu::Firmware;
use posto_tests::{http, wait};

/// Longest wait for OpenMRS: a first installation or a migration on a slow machine.
const ANSWER_BOUND: Duration = Duration::from_secs(30 * 60);

/// A person ends the waiting.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

#[derive(Parser)]
#[command(about = "Runs a built Posto release on this machine")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Boot it in a container (seconds) and stay until Ctrl-C, which powers it off in order
    Container {
        /// Release directory made by posto-image
        #[arg(long)]
        release: PathBuf,
        /// Folder for the data partition's file and the console log; kept between runs
        #[arg(long)]
        state: PathBuf,
        /// Forget the data of earlier runs first
        #[arg(long)]
        fresh: bool,
        /// Import this MySQL dump before OpenMRS is shown
        #[arg(long)]
        import: Option<PathBuf>,
        /// Size of the data partition's (sparse) file, GiB
        #[arg(long, default_value_t = 8)]
        data_gib: u64,
        /// Leave as soon as the page answers (for scripts)
        #[arg(long)]
        once: bool,
    },
    /// Boot its disk image under emulation (minutes) and stay until Ctrl-C, which pulls the plug
    Qemu {
        /// Release directory made by posto-image, with disk.img
        #[arg(long)]
        release: PathBuf,
        /// Folder for the disk's changes and the serial log; kept between runs of the same release
        #[arg(long)]
        state: PathBuf,
        /// bios or uefi
        #[arg(long, value_parser = qemu::firmware)]
        firmware: Firmware,
        /// Forget the disk's changes first
        #[arg(long)]
        fresh: bool,
        /// Port of this machine's loopback that leads to the box
        #[arg(long, default_value_t = 8088)]
        port: u16,
        /// Leave as soon as the page answers (for scripts)
        #[arg(long)]
        once: bool,
    },
    /// Run a program inside the running container
    Enter {
        /// The same folder as for `container`
        #[arg(long)]
        state: PathBuf,
        /// Program and arguments
        #[arg(last = true, required = true)]
        argv: Vec<String>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().what {
        What::Container {
            release,
            state,
            fresh,
            import,
            data_gib,
            once,
        } => run_container(&release, &state, fresh, import.as_deref(), data_gib, once),
        What::Qemu {
            release,
            state,
            firmware,
            fresh,
            port,
            once,
        } => qemu::run(&release, &state, firmware, fresh, port, once),
        What::Enter { state, argv } => return enter(&state, &argv),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("start: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_container(
    release: &Path,
    state: &Path,
    fresh: bool,
    import: Option<&Path>,
    data_gib: u64,
    once: bool,
) -> Result<()> {
    if let Some(file) = import {
        std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    std::fs::create_dir_all(state)?;
    let data = state.join("data.xfs");
    if fresh {
        std::fs::remove_file(&data).or_else(|e| {
            if e.kind() == std::io::ErrorKind::NotFound {
                Ok(())
            } else {
                Err(e)
            }
        })?;
    }
    if !data.exists() {
        DataFile::create(&data, data_gib << 30, &facility_file(1, "posto-teste"))?;
    }
    let interrupted = watch_signals()?;
    let console = state.join("console.log");
    let start = Instant::now();
    let options = Options {
        release: release.to_owned(),
        data,
        number: 1,
        limits: Limits::default(),
        console: Some(console.clone()),
        masked: Vec::new(),
    };
    let container = Container::start(&options)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "a note for `enter`, of no value after a power cut"
    )]
    std::fs::write(state.join("leader"), container.leader().to_string())?;
    let address = container.address();
    println!(
        "start: booted in {:.1} s; console: {}",
        start.elapsed().as_secs_f64(),
        console.display()
    );

    let outcome = serve(&container, import, &interrupted, start, once);
    if outcome.is_err() && !interrupted.load(Ordering::Relaxed) {
        let status = container.ask(&["/usr/bin/posto", "status"])?;
        eprintln!("start: posto status says:\n{}{}", status.out, status.err);
    }
    if outcome.is_ok() && !once {
        println!("start: http://{address}/ until Ctrl-C");
        wait::until("Ctrl-C", FOREVER, || {
            Ok(interrupted.load(Ordering::Relaxed).then_some(()))
        })?;
    }
    println!(
        "start: powering off in order; the data stay in {}",
        state.display()
    );
    container.stop()?;
    std::fs::remove_file(state.join("leader")).ok();
    outcome
}

fn serve(
    container: &Container,
    import: Option<&Path>,
    interrupted: &AtomicBool,
    start: Instant,
    once: bool,
) -> Result<()> {
    if let Some(file) = import {
        wait::until("the database", Duration::from_secs(300), || {
            stop_if(interrupted)?;
            Ok(container.is_active("mariadb.service")?.then_some(()))
        })?;
        import_file(container, file)?;
    }
    wait_answer(
        &format!("http://{}", container.address()),
        interrupted,
        start,
    )?;
    print!("{}", container.ask(&["/usr/bin/posto", "status"])?.out);
    let password = container.ask(&["/usr/bin/posto", "admin-password", "show"])?;
    println!("\n  OpenMRS:   http://{}/openmrs/", container.address());
    println!(
        "  user:      admin      password: {}",
        if password.code == 0 {
            password.out.trim()
        } else {
            "(that of the imported database)"
        }
    );
    if !once {
        println!("  stop:      Ctrl-C (the data are kept; ./start --fresh forgets them)");
        println!("  look in:   ./start enter posto status      ./start enter journalctl -b");
        println!(
            "  try next:  ./start --import DUMP.sql       ./start --qemu uefi       ./start --distro image/distros/platform-2.8.9"
        );
    }
    Ok(())
}

fn watch_signals() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    Ok(interrupted)
}

fn wait_answer(base: &str, interrupted: &AtomicBool, start: Instant) -> Result<()> {
    let url = format!("{base}/openmrs/health/started");
    print!("start: waiting for OpenMRS ");
    let mut dots = Instant::now();
    wait::until("OpenMRS through the open door", ANSWER_BOUND, || {
        stop_if(interrupted)?;
        if dots.elapsed() > Duration::from_secs(2) {
            print!(".");
            std::io::stdout().flush()?;
            dots = Instant::now();
        }
        Ok(http::get(&url, Duration::from_secs(5))
            .ok()
            .filter(|answer| answer.status == 200)
            .map(|_| ()))
    })?;
    println!(
        " answered {:.0} s after power-on",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn stop_if(interrupted: &AtomicBool) -> Result<()> {
    if interrupted.load(Ordering::Relaxed) {
        bail!("interrupted");
    }
    Ok(())
}

/// Streams the file into `posto import -` inside, as a technician would from a stick.
fn import_file(container: &Container, file: &Path) -> Result<()> {
    println!("start: importing {}", file.display());
    let prefix = enter_prefix(container.leader());
    let (program, arguments) = prefix.split_first().context("empty command")?;
    let status = command(program)
        .args(arguments)
        .args(["/usr/bin/posto", "import", "--yes", "-"])
        .stdin(std::fs::File::open(file)?)
        .status()?;
    if !status.success() {
        bail!("posto import ended with {status}; the database is as it was before");
    }
    Ok(())
}

fn enter(state: &Path, argv: &[String]) -> ExitCode {
    let inside = || -> Result<std::process::ExitStatus> {
        let leader = std::fs::read_to_string(state.join("leader"))
            .context("nothing runs here: ./start first")?;
        let prefix = enter_prefix(
            leader
                .trim()
                .parse()
                .context("the leader note is damaged")?,
        );
        let (program, arguments) = prefix.split_first().context("empty command")?;
        Ok(command(program).args(arguments).args(argv).status()?)
    };
    match inside() {
        Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)),
        Err(error) => {
            eprintln!("start: {error:#}");
            ExitCode::FAILURE
        }
    }
}
