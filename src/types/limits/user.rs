//! Bounds of addresses, names and phone numbers.

/// Characters of an e-mail address (RFC 5321 section 4.5.3.1.3: a path of 256 with its brackets).
pub const EMAIL_MAX: usize = 254;
/// Bytes of an e-mail address before it is folded.
pub const EMAIL_INPUT_MAX: usize = 1_024;
/// Characters of a first or last name.
pub const PERSON_NAME_MAX: usize = 100;
/// Characters of a phone number as typed.
pub const PHONE_INPUT_MAX: usize = 32;
