//! One-time codes: digits with a lifetime, and the link of the same mail.
//!
//! Owns: the code record and the rules on issuing and trying. Must not know: how a code is delivered, HTTP, the store.
//! Begin with `code.rs`.

mod ceiling;
mod code;
mod rule;

pub use ceiling::RefusedCodes;
pub use code::{CodePurpose, CodeSending, CodeStage, OneTimeCode};
pub use rule::{
    CodeDemand, CodeLimits, CodeProgress, FreshCode, Guess, Issue, Try, attempt, follow_link, issue, progress,
    resend_at,
};
