//! The frame as CBOR (RFC 8949): a map whose keys are numbers, in rising order, each once.

use minicbor::decode::{self, Decoder};

use super::{Frame, FrameError, PAYLOAD_LIMIT_BYTES, State};
use crate::health::cose;

/// Additions do not change it: unknown keys are passed over.
const VERSION: i8 = 1;

const SEQUENCE: i64 = 1;
const BOOT: i64 = 2;
const AT: i64 = 3;
const STATE: i64 = 4;
const RELEASE: i64 = 5;
const OPENMRS_SINCE: i64 = 6;
const LAST_START: i64 = 7;
const ENCOUNTER_AGE: i64 = 8;
const ENCOUNTERS: i64 = 9;
const SNAPSHOT_AGE: i64 = 10;
const COPY_AGE: i64 = 11;
const JOURNAL: i64 = 12;
const BUDGET: i64 = 13;
const DISK_USED: i64 = 14;
const DISK_FREE: i64 = 15;
const INODES: i64 = 16;
const WEAR: i64 = 17;
const PRESSURE: i64 = 18;
const TEMPERATURE: i64 = 19;
const UNCLEAN: i64 = 20;
const ALARM: i64 = 21;

/// The payload; at most [`PAYLOAD_LIMIT_BYTES`].
pub(super) fn encode(
    frame: &Frame,
) -> Result<heapless::Vec<u8, PAYLOAD_LIMIT_BYTES>, cose::CoseError> {
    let fields = [
        (SEQUENCE, Some(frame.sequence)),
        (BOOT, frame.boot.map(u32::from)),
        (AT, Some(frame.at_unix_s)),
        (STATE, Some(frame.state.bits())),
        (RELEASE, frame.release_built_s),
        (OPENMRS_SINCE, frame.openmrs_since_min.map(u32::from)),
        (LAST_START, frame.last_start_s.map(u32::from)),
        (ENCOUNTER_AGE, frame.encounter_age_min.map(u32::from)),
        (ENCOUNTERS, frame.encounters_today.map(u32::from)),
        (SNAPSHOT_AGE, frame.snapshot_age_min.map(u32::from)),
        (COPY_AGE, frame.copy_age_h.map(u32::from)),
        (
            JOURNAL,
            frame
                .journal_days_behind
                .map(|days| u32::from(days.min(super::JOURNAL_DAYS_LIMIT))),
        ),
        (BUDGET, frame.budget_left_mb.map(u32::from)),
        (DISK_USED, frame.disk_used_percent.map(u32::from)),
        (DISK_FREE, frame.disk_free_gb.map(u32::from)),
        (INODES, frame.inodes_used_percent.map(u32::from)),
        (WEAR, frame.wear_percent.map(u32::from)),
        (PRESSURE, frame.memory_pressure_percent.map(u32::from)),
        (TEMPERATURE, frame.temperature_c.map(u32::from)),
        (UNCLEAN, frame.unclean_boots.map(u32::from)),
        (ALARM, frame.alarm.map(u32::from)),
    ];
    let count = fields.iter().filter(|(_, value)| value.is_some()).count();
    cose::written(|to| {
        to.map(1 + count as u64)?.u8(0)?.i8(VERSION)?;
        for (key, value) in fields {
            if let Some(value) = value {
                to.i64(key)?.u32(value)?;
            }
        }
        to.ok()
    })
}

/// The frame out of a payload whose signature was checked.
pub(super) fn decode(payload: &[u8]) -> Result<Frame, FrameError> {
    let mut from = Decoder::new(payload);
    let pairs = pairs(&mut from)?;
    let mut frame = Frame::default();
    let mut seen = Seen::default();
    let mut last = 0;
    for _ in 1..pairs {
        let key = from.i64().map_err(|_| FrameError::Content)?;
        if key <= last {
            return Err(FrameError::Content);
        }
        last = key;
        field(&mut from, key, &mut frame, &mut seen).map_err(|_| FrameError::Content)?;
    }
    let whole = seen.sequence && seen.at && seen.state;
    if whole && from.position() == payload.len() {
        Ok(frame)
    } else {
        Err(FrameError::Content)
    }
}

/// How many pairs the map has; the first is the version, which is read.
fn pairs(from: &mut Decoder<'_>) -> Result<u64, FrameError> {
    let pairs = from.map().ok().flatten().filter(|pairs| *pairs > 0);
    let pairs = pairs.ok_or(FrameError::Content)?;
    let key = from.u8().map_err(|_| FrameError::Content)?;
    let version = from.i8().map_err(|_| FrameError::Content)?;
    match (key, version) {
        (0, VERSION) => Ok(pairs),
        (0, other) => Err(FrameError::Version(other)),
        _ => Err(FrameError::Content),
    }
}

/// What every frame has.
#[derive(Default)]
struct Seen {
    sequence: bool,
    at: bool,
    state: bool,
}

fn field(
    from: &mut Decoder<'_>,
    key: i64,
    frame: &mut Frame,
    seen: &mut Seen,
) -> Result<(), decode::Error> {
    match key {
        SEQUENCE => {
            frame.sequence = from.u32()?;
            seen.sequence = true;
        }
        BOOT => frame.boot = Some(from.u16()?),
        AT => {
            frame.at_unix_s = from.u32()?;
            seen.at = true;
        }
        STATE => {
            frame.state = State::of(from.u32()?);
            seen.state = true;
        }
        RELEASE => frame.release_built_s = Some(from.u32()?),
        OPENMRS_SINCE => frame.openmrs_since_min = Some(from.u16()?),
        LAST_START => frame.last_start_s = Some(from.u16()?),
        ENCOUNTER_AGE => frame.encounter_age_min = Some(from.u16()?),
        ENCOUNTERS => frame.encounters_today = Some(from.u16()?),
        SNAPSHOT_AGE => frame.snapshot_age_min = Some(from.u16()?),
        COPY_AGE => frame.copy_age_h = Some(from.u16()?),
        JOURNAL => frame.journal_days_behind = Some(from.u8()?),
        BUDGET => frame.budget_left_mb = Some(from.u16()?),
        DISK_USED => frame.disk_used_percent = Some(from.u8()?),
        DISK_FREE => frame.disk_free_gb = Some(from.u16()?),
        INODES => frame.inodes_used_percent = Some(from.u8()?),
        WEAR => frame.wear_percent = Some(from.u8()?),
        PRESSURE => frame.memory_pressure_percent = Some(from.u8()?),
        TEMPERATURE => frame.temperature_c = Some(from.u8()?),
        UNCLEAN => frame.unclean_boots = Some(from.u16()?),
        ALARM => frame.alarm = Some(from.u8()?),
        _ => from.skip()?,
    }
    Ok(())
}
