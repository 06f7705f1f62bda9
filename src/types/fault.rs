//! The one way in which infrastructure says no; refusals of the domain are never in here.

use std::time::Duration;

/// What a caller may believe about the change it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was changed; the request may be sent again.
    NotApplied,
    /// The change is durable.
    Applied,
    /// The change may or may not be durable; look before sending again.
    Unknown,
}

impl Outcome {
    /// The value of the member `outcome` in problem documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotApplied => "not_applied",
            Self::Applied => "applied",
            Self::Unknown => "unknown",
        }
    }
}

/// Disk, peer or mailbox: why an asked-for thing could not be done, for every layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No permit, or a queue that stayed full until the deadline.
    #[error("overloaded; try again in {} ms", retry_after.as_millis())]
    Overloaded {
        /// How long the caller should wait before it tries again.
        retry_after: Duration,
    },
    /// No live actor now, or the message was dropped before its handler began.
    #[error("the service is not available at the moment")]
    Unavailable,
    /// The deadline passed before a transaction was started.
    #[error("the deadline passed before the work began")]
    Expired,
    /// The deadline passed, or something crashed, after a transaction was started.
    #[error("the outcome is unknown: {reason}")]
    Unknown {
        /// What happened, for logs; never shown to callers, never holds a secret.
        reason: String,
    },
    /// Free space on the disk is under the limit for this kind of work.
    #[error("the disk is nearly full")]
    StorageFull,
    /// A panic in a job or a transaction, or a broken invariant; nothing was applied.
    #[error("a defect was met: {reason}")]
    Bug {
        /// What happened, for logs; never shown to callers, never holds a secret.
        reason: String,
    },
}

impl Fault {
    /// `Overloaded` with the usual advice of one second.
    pub fn overloaded() -> Self {
        Self::Overloaded { retry_after: Duration::from_secs(1) }
    }

    /// A defect, told to the log by `reason`.
    pub fn bug(reason: impl Into<String>) -> Self {
        Self::Bug { reason: reason.into() }
    }

    /// An unknown outcome, told to the log by `reason`.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into() }
    }

    /// What the caller may believe.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Unknown { .. } => Outcome::Unknown,
            Self::Overloaded { .. } | Self::Unavailable | Self::Expired | Self::StorageFull | Self::Bug { .. } => {
                Outcome::NotApplied
            }
        }
    }
}
