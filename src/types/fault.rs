//! The faults of the infrastructure; they never hold a refusal of the domain.

use std::time::Duration;

/// What is known about the requested change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was changed; the request may be repeated.
    NotApplied,
    /// The change is durable.
    Applied,
    /// The change may or may not be durable; read before repeating the request.
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

/// A fault of disk, peer or mailbox, for every layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No permit, or a queue that stayed full until the deadline.
    #[error("overloaded; try again in {} ms", retry_after.as_millis())]
    Overloaded {
        /// How long the caller should wait before it repeats the request.
        retry_after: Duration,
    },
    /// No actor runs at present, or the message was dropped before its handler began.
    #[error("the service is not available at the moment")]
    Unavailable,
    /// The deadline passed before a transaction was started.
    #[error("the deadline passed before the work began")]
    Expired,
    /// The deadline passed, or a crash happened, after a transaction was started.
    #[error("the outcome is unknown: {reason}")]
    Unknown {
        /// What happened, for logs; never shown to callers, never holds a secret.
        reason: String,
    },
    /// Free space on the disk is below the limit for this kind of work.
    #[error("the disk is nearly full")]
    StorageFull,
    /// A panic in a job or a transaction, or a broken invariant; nothing was applied.
    #[error("bug: {reason}")]
    Bug {
        /// What happened, for logs; never shown to callers, never holds a secret.
        reason: String,
    },
}

impl Fault {
    /// `Overloaded` with the default advice of 1 s.
    pub fn overloaded() -> Self {
        Self::Overloaded { retry_after: Duration::from_secs(1) }
    }

    /// A bug; `reason` is logged.
    pub fn bug(reason: impl Into<String>) -> Self {
        Self::Bug { reason: reason.into() }
    }

    /// An unknown outcome; `reason` is logged.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into() }
    }

    /// What is known about the requested change.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Unknown { .. } => Outcome::Unknown,
            Self::Overloaded { .. } | Self::Unavailable | Self::Expired | Self::StorageFull | Self::Bug { .. } => {
                Outcome::NotApplied
            }
        }
    }
}
