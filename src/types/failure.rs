//! The failure of a command: a refusal of its own, or a fault of the infrastructure.

use std::convert::Infallible;

use super::Fault;

/// Why a command or a transaction has no answer. `R` is the refusal; `Infallible` where there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure<R> {
    /// A refusal by the domain. It is part of the contract, not an error of the system.
    #[error("refused")]
    Refused(R),
    /// A failure of disk, peer or mailbox, or a bug.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl<R> Failure<R> {
    /// The same failure with its refusal converted.
    pub fn map_refusal<S>(self, map: impl FnOnce(R) -> S) -> Failure<S> {
        match self {
            Self::Refused(refusal) => Failure::Refused(map(refusal)),
            Self::Fault(fault) => Failure::Fault(fault),
        }
    }
}

impl Failure<Infallible> {
    /// The fault, where there is no refusal.
    pub fn into_fault(self) -> Fault {
        match self {
            Self::Refused(never) => match never {},
            Self::Fault(fault) => fault,
        }
    }
}

impl From<Failure<Infallible>> for Fault {
    fn from(failure: Failure<Infallible>) -> Self {
        failure.into_fault()
    }
}
