//! The ledger's rules: double entry by construction.
//!
//! Owns: the records of accounts, transactions and entries, the refusals, and the functions that decide over them. A
//! function receives the accounts that a command involves and returns the records to write; it changes nothing in
//! place, so a refusal leaves all records as they were, and a dry run is the same call without the write.
//! Must not know: where records are stored, who is signed in, HTTP, a clock or randomness.
//! Begin with `account.rs` (the records), `post.rs` (how money moves) and `refusal.rs` (why a command is refused).
//!
//! ```text
//! open.rs    a user's account, a default account, a system account
//! adjust.rs  freeze, unfreeze, label, alias, credit limit, highest balance
//! post.rs    a transaction of 1 to 64 postings      reverse.rs  the opposite of an earlier one
//! close.rs   ends an account, with a sweep         proof.rs    checks after every commit
//! ```
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::as_conversions)]

mod account;
mod adjust;
mod authority;
mod close;
mod entry;
mod names;
mod open;
mod post;
mod proof;
mod refusal;
mod reverse;
mod settle;
mod system;
mod transaction;

pub use crate::types::id::{AccountId, TransactionId};
pub use account::{Account, AccountCounters, AccountOwner, AccountStatus, AccountType, Available, FreezeScope};
pub use adjust::{AccountChange, assign_alias, freeze, relabel, set_credit_limit, set_max_balance, unfreeze};
pub use authority::{Authority, MoneyPower, TransactionAuthor};
pub use close::{CloseAccount, ClosedAccount, close};
pub use entry::{EntrySide, LedgerEntry, check_reading_time};
pub use names::{AccountAlias, AccountLabel, ProviderName, TransactionReference};
pub use open::{
    AliasClaim, DefaultAccount, DefaultOpening, OpenAccount, OpeningStamp, open, open_default, open_system,
};
pub use post::{
    InvolvedAccount, InvolvedAccounts, OwnerStanding, PostTransaction, Posted, PostingDraft, PostingRecipient,
    PostingStamp, ReferenceClaim, post,
};
pub use proof::{AccountDelta, EntryBreach, LedgerBreach, check_commit, check_entry};
pub use refusal::{LedgerPlace, LedgerRefusal};
pub use reverse::{ReversalTotals, ReverseTransaction, Reversed, reverse};
pub use system::SystemAccount;
pub use transaction::{Posting, Transaction, TransactionKind};

#[cfg(test)]
mod tests;
