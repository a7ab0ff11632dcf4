//! `token`.

use std::path::PathBuf;

use clap::Args;
use posto_signing::publish::ceremony::Ceremony;
use posto_signing::publish::token::Place;
use serde_json::json;

use super::Say;

/// Note a key that lives on a PIV token, for the next `init` or `root rotate`.
///
/// Writes keys/NAME.token and keys/NAME.pub in the ceremony's folder. A ceremony that needs a key of this name (root-1, targets-2, ...)
/// takes it and makes none. The key is made on the token before, with the token's own program: ECDSA on P-256, PIV's slot 9a.
#[derive(Args)]
pub(super) struct Token {
    /// The ceremony's folder; made if it is not there.
    #[arg(long, value_name = "DIR")]
    ceremony: PathBuf,
    /// The key's name: its role and a number.
    #[arg(long, value_name = "ROLE-N", value_parser = name)]
    name: String,
    /// The token's PKCS#11 module: OpenSC's opensc-pkcs11.so, Yubico's libykcs11.so, ...
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    /// The token's label (`pkcs11-tool --list-slots`).
    #[arg(long)]
    token: String,
    /// The key's id on the token, hexadecimal.
    #[arg(long, default_value = "01")]
    id: String,
}

fn name(text: &str) -> Result<String, String> {
    let named = text.rsplit_once('-').is_some_and(|(role, number)| {
        ["root", "targets", "snapshot", "timestamp"].contains(&role)
            && number.parse::<u32>().is_ok()
    });
    if named {
        Ok(text.to_owned())
    } else {
        Err("write a role and a number: root-1, targets-2".to_owned())
    }
}

impl Token {
    pub(super) fn run(&self, say: &Say) -> anyhow::Result<()> {
        let place = Place {
            module: self.module.clone(),
            token: self.token.clone(),
            id: self.id.clone(),
        };
        let line = format!("{}: the key {} on token {}", self.name, self.id, self.token);
        let report = json!({"name": self.name, "place": place});
        if !say.plan(&[line], &report)? {
            return Ok(());
        }
        let keys = Ceremony::new(&self.ceremony).keys();
        let key = place.note(&keys, &self.name)?;
        say.done(
            &format!("{} is noted; the next ceremony takes it", self.name),
            &json!({"key": key.id, "plan": report}),
        )
    }
}
