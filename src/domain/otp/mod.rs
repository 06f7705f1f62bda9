//! One-time codes: six digits with a lifetime.
//!
//! Owns: the code record and the rules on issuing and trying. Must not know: how a code is delivered, HTTP, the store.
//! Begin with `code.rs`.

mod code;
mod rule;

pub use code::{CodePurpose, CodeStage, OneTimeCode};
pub use rule::{CodeLimits, CodeProgress, FreshCode, Guess, Issue, Try, attempt, issue, progress, resend_at};
