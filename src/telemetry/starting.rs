//! The phases of a start before requests are served, for health while all other requests are refused.

use std::fmt;

use super::health::HealthReason;

/// The phase of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartPhase {
    /// The store is being opened.
    Opening,
    /// Another process holds the store's directory.
    Locked {
        /// The id of that process, if it is known.
        pid: Option<u32>,
    },
    /// The tree is being rebuilt from a snapshot and the journal.
    Rebuilding {
        /// 0 to 100.
        percent: u8,
    },
    /// The store is being migrated to this version.
    Migrating(MigrationProgress),
}

impl StartPhase {
    /// The stable name for health; `Locked` is a case of `Opening`.
    pub fn reason(self) -> HealthReason {
        match self {
            Self::Opening | Self::Locked { .. } => HealthReason::Opening,
            Self::Rebuilding { .. } => HealthReason::Rebuilding,
            Self::Migrating(_) => HealthReason::Migrating,
        }
    }
}

impl fmt::Display for StartPhase {
    /// `opening`, `opening: locked by process 4711`, `rebuilding 37%`, `migrating 37%`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason().as_str())?;
        match self {
            Self::Opening => Ok(()),
            Self::Locked { pid: Some(pid) } => write!(f, ": locked by process {pid}"),
            Self::Locked { pid: None } => f.write_str(": locked by another process"),
            Self::Rebuilding { percent } | Self::Migrating(MigrationProgress { percent, .. }) => {
                write!(f, " {percent}%")
            }
        }
    }
}

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
