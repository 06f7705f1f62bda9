//! The number of digits of one-time codes.

/// The number of digits that new codes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CodeLength {
    /// A million codes.
    #[default]
    Six,
    /// A hundred million codes, for installations where the addresses of all possible users can be guessed.
    Eight,
}

impl CodeLength {
    /// Both lengths.
    pub const ALL: [Self; 2] = [Self::Six, Self::Eight];

    /// The number of digits.
    pub fn digits(self) -> usize {
        match self {
            Self::Six => 6,
            Self::Eight => 8,
        }
    }

    /// The number of different codes.
    pub fn codes(self) -> u32 {
        match self {
            Self::Six => 1_000_000,
            Self::Eight => 100_000_000,
        }
    }
}
