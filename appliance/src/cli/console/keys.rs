//! Keys from a terminal's bytes (linux console_codes(4), ECMA-48). Our own reader: crossterm's spins on a terminal that is
//! gone. Whatever is no key that the menu knows is nothing.

/// A key that means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Enter,
    Escape,
    Backspace,
    Digit(u8),
    /// The letter that leaves what runs.
    Quit,
}

const ESCAPE: u8 = 0x1b;

/// The keys in what one read gave. The console sends a key's bytes at once, so an escape at the end is the key itself.
pub(super) fn keys(bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let key = match first {
            ESCAPE => {
                let (key, left) = escape(after);
                rest = left;
                key
            }
            b'\r' | b'\n' => Some(Key::Enter),
            0x08 | 0x7f => Some(Key::Backspace),
            b'0'..=b'9' => Some(Key::Digit(first - b'0')),
            b'q' | b'Q' => Some(Key::Quit),
            _ => None,
        };
        keys.extend(key);
    }
    keys
}

/// What follows an escape: the key, and the bytes after it.
fn escape(bytes: &[u8]) -> (Option<Key>, &[u8]) {
    match bytes {
        // Function keys of the linux console: ESC [ [ A.
        [b'[', b'[', _, rest @ ..] => (None, rest),
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
                return (None, &[]);
            };
            let (sequence, left) = rest.split_at(end + 1);
            (sequence_key(sequence), left)
        }
        [b'O', last, rest @ ..] => (sequence_key(std::slice::from_ref(last)), rest),
        [] => (Some(Key::Escape), bytes),
        // Escape twice, or Alt with a key.
        _ => (Some(Key::Escape), bytes),
    }
}

fn sequence_key(sequence: &[u8]) -> Option<Key> {
    match sequence {
        b"A" => Some(Key::Up),
        b"B" => Some(Key::Down),
        b"C" => Some(Key::Right),
        b"D" => Some(Key::Left),
        b"5~" => Some(Key::PageUp),
        b"6~" => Some(Key::PageDown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arrows_digits_and_the_keypad_are_read_however_they_come() {
        assert_eq!(
            keys(b"\x1b[A\x1b[B\x1bOC\x1b[D\x1b[5~\x1b[6~"),
            [
                Key::Up,
                Key::Down,
                Key::Right,
                Key::Left,
                Key::PageUp,
                Key::PageDown
            ]
        );
        assert_eq!(
            keys(b"7\r\x7fq"),
            [Key::Digit(7), Key::Enter, Key::Backspace, Key::Quit]
        );
        assert_eq!(keys(b"\x1b"), [Key::Escape]);
        assert_eq!(keys(b"\x1b\x1b[A"), [Key::Escape, Key::Up]);
        assert_eq!(keys(b"\x1b[[A\x1b[24~\x1b[1;5Cx\x03\x1a\xc3\xa3"), []);
        assert_eq!(keys(b"\x1b[12"), [], "cut off");
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(keys(&bytes).len() <= bytes.len());
        }
    }
}
