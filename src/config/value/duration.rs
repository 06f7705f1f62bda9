//! Durations: a whole number and one unit.

use std::time::Duration;

use super::Text;

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A number of days of 24 hours.
pub(in crate::config) const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

impl Text for Duration {
    fn notation() -> String {
        "a duration such as \"500ms\", \"30s\", \"15m\", \"24h\" or \"30d\"".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let refused = || "not a duration".to_owned();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?;
        let number: u64 = number.parse().map_err(|_| refused())?;
        number.checked_mul(*millis).map(Self::from_millis).ok_or_else(refused)
    }

    /// In the largest unit that divides it.
    fn text(&self) -> String {
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return "0s".to_owned();
        }
        let (unit, size) = UNITS.iter().find(|(_, size)| millis.is_multiple_of(*size)).unwrap_or(&("ms", 1));
        format!("{}{unit}", millis / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_as_it_is_written() {
        for text in ["0s", "500ms", "1s", "90s", "15m", "1h", "36h", "30d"] {
            assert_eq!(Duration::parse(text).unwrap().text(), text);
        }
        assert_eq!(Duration::parse("24h").unwrap().text(), "1d");
        assert_eq!(Duration::parse("60s").unwrap(), Duration::from_secs(60));
    }

    #[test]
    fn every_other_notation_is_refused() {
        for text in ["", "15", "m", "-1s", "+1s", "1.5h", "1h30m", " 1h", "1 h", "1H", "15min", "99999999999999999999d"]
        {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
    }
}
