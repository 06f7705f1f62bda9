//! The transaction record.

use serde::{Deserialize, Serialize};

use super::{AccountId, TransactionAuthor, TransactionId, TransactionReference};
use crate::types::{
    Timestamp,
    money::{Amount, Currency},
};

/// The origin of a transaction. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TransactionKind {
    /// A transfer between accounts.
    Transfer,
    /// A system account is on at least one side.
    Issue,
    /// The opposite of an earlier transaction.
    Reversal,
    /// The balance of an account that was closed in the same decision.
    Sweep,
}

impl TransactionKind {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Issue => "issue",
            Self::Reversal => "reversal",
            Self::Sweep => "sweep",
        }
    }
}

/// One movement: a debit of one account and a credit of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Posting {
    /// The account whose balance falls.
    pub debit: AccountId,
    /// The account whose balance rises.
    pub credit: AccountId,
    /// The amount of the movement.
    pub amount: Amount,
    /// The currency of both accounts.
    pub currency: Currency,
}

/// Postings that were applied together, in their order. Never changed; corrected only by another transaction that names
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    pub id: TransactionId,
    /// The origin of the transaction.
    pub kind: TransactionKind,
    /// The author; the transaction's texts are sealed under this person's key, and its reference is unique for this
    /// author.
    pub author: TransactionAuthor,
    /// The postings, 1 to `limits::POSTINGS_MAX`.
    pub postings: Vec<Posting>,
    /// The application's own number for the transaction.
    pub reference: Option<TransactionReference>,
    /// The transaction that this one corrects.
    pub reverses: Option<TransactionId>,
    /// The time of all its entries.
    pub posted_at: Timestamp,
}
