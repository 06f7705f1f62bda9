//! One-time codes.

mod codes;
