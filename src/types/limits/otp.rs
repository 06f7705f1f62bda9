//! Bounds of one-time codes.

/// Characters of a one-time code as typed.
pub const CODE_INPUT_MAX: usize = 64;
/// The part of a ceiling on refused codes that one network can cause: one in four.
pub const REFUSED_CODES_NETWORK_PART: u32 = 4;
/// Rows that count the refused codes of domains. Domains of one row share its ceiling.
pub const REFUSED_CODES_DOMAINS: u32 = 1_024;
