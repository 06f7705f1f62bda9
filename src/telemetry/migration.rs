//! How far an older store has come on its way to this version, as health says it while nothing else is answered.

use std::fmt;

/// How far the migrations have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationProgress {
    /// The migration that is done at the moment; empty before the first step.
    pub name: &'static str,
    /// Of all that was pending at the start, 0 to 100.
    pub percent: u8,
}

impl MigrationProgress {
    /// Before the first step.
    pub const BEGUN: Self = Self { name: "", percent: 0 };
}

impl fmt::Display for MigrationProgress {
    /// `migrating 37%`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}%", super::health::HealthReason::Migrating.as_str(), self.percent)
    }
}
