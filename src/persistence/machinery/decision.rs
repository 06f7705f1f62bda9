//! The result of a transaction's function: an answer, a refusal or a fault, and whether its writes are committed.

use super::reader::TxFault;

/// `Ok` commits the writes and answers; an error is one of the ways to stop.
pub type Decision<T, R> = Result<T, Stop<R>>;

/// Why a transaction's function has no answer.
///
/// ```text
/// Ok(answer)            the writes are committed
/// Refuse(r)             no write is committed
/// RefuseAndKeep(r)      the writes are committed: a counted login attempt, padding, a stored outcome
/// Fault(f)              no write is committed
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop<R> {
    /// A refusal by the domain; no write is committed.
    Refuse(R),
    /// A refusal by the domain; the writes are committed.
    RefuseAndKeep(R),
    /// The transaction could not continue; no write is committed.
    Fault(TxFault),
}

impl<R> From<TxFault> for Stop<R> {
    fn from(fault: TxFault) -> Self {
        Self::Fault(fault)
    }
}

impl<R> Stop<R> {
    /// The same stop with its refusal in another service's terms.
    pub fn map_refusal<S>(self, map: impl FnOnce(R) -> S) -> Stop<S> {
        match self {
            Self::Refuse(refusal) => Stop::Refuse(map(refusal)),
            Self::RefuseAndKeep(refusal) => Stop::RefuseAndKeep(map(refusal)),
            Self::Fault(fault) => Stop::Fault(fault),
        }
    }
}

/// Refuses without a commit.
pub fn refuse<T, R>(refusal: R) -> Decision<T, R> {
    Err(Stop::Refuse(refusal))
}

/// Refuses and commits the writes.
pub fn refuse_and_keep<T, R>(refusal: R) -> Decision<T, R> {
    Err(Stop::RefuseAndKeep(refusal))
}
