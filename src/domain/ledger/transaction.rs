//! The transaction record.

use serde::{Deserialize, Serialize};

use super::{AccountId, TransactionAuthor, TransactionId, TransactionReference};
use crate::types::{
    Timestamp,
    money::{Amount, Currency},
};

/// What a transaction came from. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TransactionKind {
    /// From account to account.
    Transfer,
    /// With a system account on one side at least.
    Issue,
    /// The opposite of an earlier transaction.
    Reversal,
    /// The balance of an account that was closed with it.
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

/// One movement: debited here, credited there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Posting {
    /// Whose balance falls.
    pub debit: AccountId,
    /// Whose balance rises.
    pub credit: AccountId,
    /// By how much.
    pub amount: Amount,
    /// Of both accounts.
    pub currency: Currency,
}

/// Postings that were applied together, in their order. Never changed; corrected only by another that names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The id.
    pub id: TransactionId,
    /// What it came from.
    pub kind: TransactionKind,
    /// Who ordered it; its texts are sealed under this person's key, and its reference is unique for this author.
    pub author: TransactionAuthor,
    /// 1 to `limits::POSTINGS_MAX`.
    pub postings: Vec<Posting>,
    /// The application's own number for it.
    pub reference: Option<TransactionReference>,
    /// The transaction that it corrects.
    pub reverses: Option<TransactionId>,
    /// The one time of all its entries.
    pub posted_at: Timestamp,
}
