//! What an officer's telephone reads off a box's screen: the fingerprint, and where it is approved. Whoever scans it has seen the
//! screen: no other way to the hub has to be believed.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::box_key::Fingerprint;
use crate::facility::Hub;

/// The address of the hub's page of boxes that wait, at this one; without a hub's address the fingerprint alone.
#[must_use]
pub fn invitation(hub: Option<&Hub>, fingerprint: Fingerprint) -> String {
    match hub.and_then(|hub| hub.https.as_deref()) {
        Some(address) => format!("{}/boxes#{fingerprint}", address.trim_end_matches('/')),
        None => format!("posto:{fingerprint}"),
    }
}

/// It as a QR code (ISO/IEC 18004) in half blocks, bright on a dark screen; `None`: too long for one.
#[must_use]
pub fn drawn(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let drawing = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    Some(drawing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::box_key::PublicKey;

    /// What a camera would read off the screen.
    fn read(drawing: &str) -> String {
        let rows: Vec<Vec<char>> = drawing.lines().map(|line| line.chars().collect()).collect();
        let (width, height) = (rows[0].len(), 2 * rows.len());
        const ZOOM: usize = 4;
        let grey = |x: usize, y: usize| {
            let (x, y) = (x / ZOOM, y / ZOOM);
            let bright = match rows[y / 2][x] {
                '█' => true,
                '▀' => y % 2 == 0,
                '▄' => y % 2 == 1,
                _ => false,
            };
            if bright { 255 } else { 0 }
        };
        let mut picture =
            rqrr::PreparedImage::prepare_from_greyscale(width * ZOOM, height * ZOOM, grey);
        let grids = picture.detect_grids();
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_telephone_reads_where_the_box_is_approved_and_the_screen_holds_it() {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
        let fingerprint = PublicKey::from(key).fingerprint();
        let hub = Hub {
            key: key.into(),
            udp: None,
            https: Some("https://hub.zambezia.example.mz/".into()),
            authority: None,
            every_minutes: 15,
            budget_mb: 5,
        };
        for (hub, begin) in [
            (Some(&hub), "https://hub.zambezia.example.mz/boxes#"),
            (None, "posto:"),
        ] {
            let text = invitation(hub, fingerprint);
            assert_eq!(text, format!("{begin}{fingerprint}"));
            let drawing = drawn(&text).unwrap();
            assert_eq!(read(&drawing), text);
            assert!(drawing.lines().count() <= 23, "a console of 25 lines");
        }
        assert_eq!(drawn(&"x".repeat(4000)), None);
    }
}
