//! Bounds of amounts, accounts and transactions.

/// Minor units of one amount, and of a balance on either side of zero.
pub const AMOUNT_MINOR_MAX: i128 = 10_i128.pow(27);
/// The most minor units in one counter of an account; far beyond the sum of all amounts, and far enough from the end of
/// `i128` that sums of counters and amounts do not overflow.
pub const COUNTER_MINOR_MAX: i128 = 10_i128.pow(36);
/// Decimal digits of a currency or custom asset.
pub const CURRENCY_SCALE_MAX: u8 = 12;
/// Parts that an amount is divided into at once.
pub const ALLOCATION_PARTS_MAX: usize = 1_000;
/// Postings of one transaction.
pub const POSTINGS_MAX: usize = 64;
/// Accounts of one user, closed ones included: a list of a user's transactions reads each of them.
pub const ACCOUNTS_PER_USER: usize = 20;
/// Characters of an account's label.
pub const ACCOUNT_LABEL_MAX: usize = 100;
/// Characters of a transaction's reference.
pub const TRANSACTION_REFERENCE_MAX: usize = 128;
