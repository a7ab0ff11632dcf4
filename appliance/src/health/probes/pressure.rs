//! How long tasks waited for memory (kernel documentation, accounting/psi).

/// `some avg300` of `/proc/pressure/memory`, percent, rounded up.
#[must_use]
pub fn waiting_percent(text: &str) -> Option<u8> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let share = line
        .split(' ')
        .find_map(|word| word.strip_prefix("avg300="))?;
    let (whole, rest) = share.split_once('.')?;
    let whole: u8 = whole.parse().ok()?;
    let rest: u8 = rest.parse().ok()?;
    Some((whole + u8::from(rest > 0)).min(100)).filter(|_| whole <= 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_five_minutes_are_read_and_nothing_else_taken_for_them() {
        let text = "some avg10=1.00 avg60=2.00 avg300=3.01 total=9\nfull avg10=0.00 avg60=0.00 avg300=9.00 total=9\n";
        assert_eq!(waiting_percent(text), Some(4));
        assert_eq!(waiting_percent("some avg300=0.00"), Some(0));
        for wrong in [
            "",
            "full avg300=1.00",
            "some avg300=101.00",
            "some avg300=x.1",
            "some avg10=1.00",
        ] {
            assert_eq!(waiting_percent(wrong), None, "{wrong}");
        }
    }
}
