//! `posto snapshot import PATH`.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use age::x25519::Identity;

use super::carrying::Bar;
use super::words::bytes;
use crate::box_key::{Fingerprint, NotAFingerprint};
use crate::cli::hands;
use crate::places::Places;
use crate::recovery::{self, RecoveryError};
use crate::snapshot::import::{self, Accepted, ImportError};
use crate::system::{clock, durable};
use crate::texts::{Language, Value, say};

/// Somebody types twenty digits from a paper.
const TRIES: usize = 3;
const CODE_LIMIT_BYTES: u64 = 1024;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The copy: its directory (or the one that it lies in), or the tar file that 'export --to -' wrote
    path: PathBuf,
    /// Take a copy of a box that facility.toml does not name, by its fingerprint ('posto box-key' there)
    #[arg(long, value_name = "FINGERPRINT", value_parser = fingerprint)]
    accept_signer: Option<Fingerprint>,
    /// Read the recovery code from this file instead of asking for it
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Open it with the age key in this file (the programme's)
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_file")]
    identity: Option<PathBuf>,
    /// Check signature, key and room, and bring nothing in
    #[arg(long)]
    dry_run: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

fn fingerprint(text: &str) -> Result<Fingerprint, NotAFingerprint> {
    text.parse()
}

/// Runs the command.
///
/// # Errors
/// When it is not root, or nothing was brought in.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    hands::must_be_root(language)?;
    let told = |error: ImportError| anyhow::anyhow!(words(language, &error));
    let accepted =
        import::accept(&places, &arguments.path, arguments.accept_signer).map_err(told)?;
    accepted.check_room(&places).map_err(told)?;
    let identities = identities(&places, &accepted, arguments, language).map_err(told)?;
    if arguments.dry_run {
        print(
            language,
            "import-copy-plan",
            &accepted,
            None,
            arguments.json,
        );
        return Ok(ExitCode::SUCCESS);
    }
    let mut bar = Bar::new(language);
    let clocks = (clock::unix_seconds(), clock::since_boot());
    let brought = accepted.bring_in(&places, &identities, clocks, &mut |progress| {
        let so_far = (progress.done, progress.all);
        bar.show("import-copy-reading", so_far, progress.piece);
    });
    bar.clear();
    let id = brought.map_err(told)?.number();
    print(
        language,
        "import-copy-done",
        &accepted,
        Some(id),
        arguments.json,
    );
    Ok(ExitCode::SUCCESS)
}

/// This box's own where it fits, the file's, or what the recovery code opens.
fn identities(
    places: &Places,
    accepted: &Accepted,
    arguments: &Arguments,
    language: Language,
) -> Result<Vec<Identity>, ImportError> {
    if let Some(file) = &arguments.identity {
        let found = recovery::read_identities(file)?;
        return if accepted.opens_with(&found)? {
            Ok(found)
        } else {
            Err(ImportError::NoKey)
        };
    }
    if let Ok(own) = recovery::identity(places) {
        let own = vec![own];
        if accepted.opens_with(&own)? {
            return Ok(own);
        }
    }
    let sealed = accepted.sealed_identity()?;
    let opened = match &arguments.passphrase_file {
        Some(file) => recovery::open(&sealed, &code_in(file)?)?,
        None => asked(&sealed, language)?,
    };
    let opened = vec![opened];
    if accepted.opens_with(&opened)? {
        Ok(opened)
    } else {
        Err(ImportError::NoKey)
    }
}

fn code_in(file: &Path) -> Result<String, ImportError> {
    let content = durable::read(file, CODE_LIMIT_BYTES)?.ok_or_else(|| ImportError::Read {
        path: file.to_path_buf(),
        source: std::io::ErrorKind::NotFound.into(),
    })?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

/// In sight: twenty digits from a paper are typed wrong unseen, and the paper lies there anyway.
#[allow(clippy::print_stderr, reason = "the command's question")]
fn asked(sealed: &[u8], language: Language) -> Result<Identity, ImportError> {
    if !std::io::stdin().is_terminal() {
        return Err(ImportError::NoKey);
    }
    for _ in 0..TRIES {
        eprint!("{} ", say(language, "import-copy-ask", &[]));
        let _ = std::io::stderr().flush();
        let mut typed = String::new();
        std::io::stdin()
            .lock()
            .take(CODE_LIMIT_BYTES)
            .read_line(&mut typed)
            .map_err(|source| ImportError::Read {
                path: "terminal".into(),
                source,
            })?;
        match recovery::open(sealed, &typed) {
            Err(RecoveryError::WrongCode) => {
                eprintln!("{}", say(language, "import-copy-wrong-code", &[]));
            }
            other => return Ok(other?),
        }
    }
    Err(RecoveryError::WrongCode.into())
}

#[allow(clippy::print_stdout, reason = "the command's output")]
fn print(language: Language, id: &str, accepted: &Accepted, number: Option<u64>, json: bool) {
    let manifest = accepted.manifest();
    if json {
        let said = serde_json::json!({
            "snapshot": number,
            "content_bytes": accepted.content_bytes(),
            "from": manifest,
            "left_out": accepted.left_out(),
        });
        println!("{said}");
        return;
    }
    let facility: String = manifest
        .facility
        .chars()
        .filter(|c| !c.is_control())
        .take(63)
        .collect();
    let values = [
        ("snapshot", number.unwrap_or_default().into()),
        ("facility", facility.into()),
        ("number", manifest.id.number().into()),
        (
            "time",
            super::words::local_time(&manifest.moment, "UTC").into(),
        ),
        ("content", bytes(accepted.content_bytes()).into()),
    ];
    println!("{}", say(language, id, &values));
    if let Some(text) = super::export::lacks(language, accepted.left_out()) {
        println!("{text}");
    }
}

/// The error in the technician's language.
fn words(language: Language, error: &ImportError) -> String {
    let path = |path: &Path| Value::Text(path.display().to_string());
    let (id, values): (&str, Vec<(&str, Value)>) = match error {
        ImportError::NoExport(at) => ("import-copy-none", vec![("path", path(at))]),
        ImportError::Several(at) => ("import-copy-several", vec![("path", path(at))]),
        ImportError::Unfinished(at) => ("import-copy-unfinished", vec![("path", path(at))]),
        ImportError::UnknownSigner {
            fingerprint,
            facility,
        } => (
            "import-copy-unknown-signer",
            vec![
                ("fingerprint", fingerprint.to_string().into()),
                ("facility", facility.as_str().into()),
            ],
        ),
        ImportError::Missing(piece) => (
            "import-copy-missing",
            vec![("piece", piece.as_str().into())],
        ),
        ImportError::Piece(piece) => (
            "import-copy-damaged",
            vec![("piece", piece.as_str().into())],
        ),
        ImportError::NoKey => ("import-copy-no-key", Vec::new()),
        ImportError::Recovery(RecoveryError::WrongCode) => ("import-copy-wrong-code", Vec::new()),
        ImportError::NoRoom {
            needed_bytes,
            free_bytes,
        } => (
            "import-copy-no-room",
            vec![
                ("needed", bytes(*needed_bytes).into()),
                ("free", bytes(*free_bytes).into()),
            ],
        ),
        ImportError::Busy => ("import-copy-busy", Vec::new()),
        other => (
            "import-copy-failed",
            vec![("reason", other.to_string().into())],
        ),
    };
    say(language, id, &values)
}
