//! The progress of a migration of an older store, for health while all other requests are refused.

use std::fmt;

/// The progress of the migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationProgress {
    /// The name of the current migration; empty before the first step.
    pub name: &'static str,
    /// Percent of all migrations that were pending at the start, 0 to 100.
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
