//! Sizes in bytes: a whole number and one binary unit.

use super::Text;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl ByteSize {
    /// From a number of bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }
    /// From a number of KiB (1 KiB = 1,024 bytes).
    pub const fn kib(kib: u64) -> Self {
        Self(kib << 10)
    }
    /// From a number of MiB (1 MiB = 1,048,576 bytes).
    pub const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }
    /// From a number of GiB (1 GiB = 1,073,741,824 bytes).
    pub const fn gib(gib: u64) -> Self {
        Self(gib << 30)
    }
    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
    /// The number of bytes, for buffers.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Text for ByteSize {
    fn notation() -> String {
        "a size such as \"512B\", \"64KiB\", \"128MiB\" or \"4GiB\"".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let refused = || "not a size".to_owned();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?;
        let number: u64 = number.parse().map_err(|_| refused())?;
        number.checked_mul(*bytes).map(Self).ok_or_else(refused)
    }

    /// In the largest unit that divides it.
    fn text(&self) -> String {
        let (unit, size) =
            UNITS.iter().find(|(_, size)| self.0 != 0 && self.0.is_multiple_of(*size)).unwrap_or(&("B", 1));
        format!("{}{unit}", self.0 / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_reads_as_it_is_written() {
        for text in ["0B", "512B", "64KiB", "128MiB", "4GiB", "1500MiB"] {
            assert_eq!(ByteSize::parse(text).unwrap().text(), text);
        }
        assert_eq!(ByteSize::parse("1024KiB").unwrap(), ByteSize::mib(1));
    }

    #[test]
    fn every_other_notation_is_refused() {
        for text in ["", "64", "64KB", "64kb", "64 KiB", "-1B", "1.5MiB", "99999999999999999999B", "999999999999GiB"] {
            assert!(ByteSize::parse(text).is_err(), "{text}");
        }
    }
}
