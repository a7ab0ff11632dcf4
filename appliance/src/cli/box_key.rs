//! `posto box-key`: the public half of the box's own key, for the facility files of other boxes and for the telephone; as a QR
//! code for the hub's officer.

use std::io::IsTerminal;
use std::process::ExitCode;

use super::hands;
use crate::box_key::BoxKey;
use crate::enrolment;
use crate::facility;
use crate::places::Places;
use crate::texts::say;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// For programs
    #[arg(long)]
    json: bool,
    /// The QR code also where the output is no screen, or no hub is named
    #[arg(long, conflicts_with = "json")]
    qr: bool,
}

/// Runs the command.
///
/// # Errors
/// When it is not root or the box has no key.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    hands::must_be_root(language)?;
    let public = BoxKey::read(&places)?.public();
    let (facility, _) = facility::in_force(&places);
    let invitation = enrolment::invitation(facility.hub.as_ref(), public.fingerprint());
    let (fingerprint, key) = (public.fingerprint().to_string(), public.to_string());
    if arguments.json {
        println!(
            "{}",
            serde_json::json!({ "fingerprint": fingerprint, "key": key, "invitation": invitation })
        );
    } else {
        let values = [("fingerprint", fingerprint.into()), ("key", key.into())];
        println!("{}", say(language, "box-key", &values));
        // Without a hub nobody has to approve this box.
        let wanted = arguments.qr || (facility.hub.is_some() && std::io::stdout().is_terminal());
        if let Some(drawing) = enrolment::drawn(&invitation).filter(|_| wanted) {
            let values = [("invitation", invitation.into())];
            println!("{}\n{drawing}", say(language, "box-key-qr", &values));
        }
    }
    Ok(ExitCode::SUCCESS)
}
