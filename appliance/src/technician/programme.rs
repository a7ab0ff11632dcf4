//! The programme's copy: an armoured age file that the stock `age` opens with the programme's key.

/// Why the programme gets no copy.
#[derive(Debug, thiserror::Error)]
pub enum ProgrammeError {
    /// The facility file's key.
    #[error(
        "programme.age_recipient = '{recipient}' is no age key ({reason}); the programme gets no copy of the technician's code"
    )]
    Recipient {
        /// As it stands in the facility file.
        recipient: String,
        /// Why not.
        reason: String,
    },
    /// The encryption.
    #[error("the technician's code could not be encrypted for the programme: {0}")]
    Seal(#[from] age::EncryptError),
}

/// Whether `recipient` is an age key (`age1...`).
///
/// # Errors
/// [`ProgrammeError::Recipient`].
pub fn check(recipient: &str) -> Result<(), ProgrammeError> {
    parse(recipient).map(drop)
}

fn parse(recipient: &str) -> Result<age::x25519::Recipient, ProgrammeError> {
    recipient
        .parse()
        .map_err(|reason: &'static str| ProgrammeError::Recipient {
            recipient: recipient.chars().take(100).collect(),
            reason: reason.to_string(),
        })
}

/// `code` for the holder of the key behind `recipient` alone: an armoured age file.
///
/// # Errors
/// [`ProgrammeError`].
pub fn seal(code: &str, recipient: &str) -> Result<String, ProgrammeError> {
    let recipient = parse(recipient)?;
    Ok(age::encrypt_and_armor(
        &recipient,
        format!("{code}\n").as_bytes(),
    )?)
}
