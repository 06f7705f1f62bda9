//! One-time codes: six digits with a lifetime.
//!
//! Owns: the code record and the rules on issuing and trying. Must not know: who delivers a code, HTTP, the store.
//! Begin with `code.rs`.

mod code;
mod rule;

pub use code::{Code, CodePurpose, CodeState};
pub use rule::{CodeLimits, FreshCode, Guess, Issue, Progress, Try, attempt, issue, progress, resend_at};
