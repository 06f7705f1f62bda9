//! Which version of a record a change is meant for.

/// The versions that a change may begin from; compared inside the transaction that makes it, so that of two who have
/// read the same version only one changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// Whichever is there.
    Whichever,
    /// One of these, by the count of the record's changes.
    OneOf(Vec<u64>),
}

impl ExpectedVersion {
    /// Whether a change may begin from `version`.
    pub fn admits(&self, version: u64) -> bool {
        match self {
            Self::Whichever => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}
