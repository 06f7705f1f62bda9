//! What the function of a transaction decides: an answer, a refusal or a fault, and whether what it wrote is kept.

use super::reader::TxFault;

/// `Ok` commits what was written and answers; an error is one of the ways to stop.
pub type Decision<T, R> = Result<T, Stop<R>>;

/// Why the function of a transaction has no answer.
///
/// ```text
/// Ok(answer)            what was written is committed
/// Refuse(r)             nothing is kept
/// RefuseAndKeep(r)      what was written is committed: a counted attempt, padding, a remembered outcome
/// Fault(f)              nothing is kept
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop<R> {
    /// The domain says no, and nothing that was written is kept.
    Refuse(R),
    /// The domain says no, and what was written is committed.
    RefuseAndKeep(R),
    /// The transaction could not go on; nothing is kept.
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

/// Refuses and keeps nothing.
pub fn refuse<T, R>(refusal: R) -> Decision<T, R> {
    Err(Stop::Refuse(refusal))
}

/// Refuses and keeps what was written.
pub fn refuse_and_keep<T, R>(refusal: R) -> Decision<T, R> {
    Err(Stop::RefuseAndKeep(refusal))
}
