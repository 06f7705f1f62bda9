//! Bounds of one-time codes.

/// Characters of a one-time code as typed.
pub const CODE_INPUT_MAX: usize = 64;
