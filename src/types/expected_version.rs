//! The version of a record that a change expects.

/// The versions that a change accepts. They are compared inside the transaction of the change, so that of two callers
/// that read the same version only one changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// The change accepts any version.
    Whichever,
    /// One of these versions, each a count of the record's changes.
    OneOf(Vec<u64>),
}

impl ExpectedVersion {
    /// Whether a change of `version` is accepted.
    pub fn admits(&self, version: u64) -> bool {
        match self {
            Self::Whichever => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}
