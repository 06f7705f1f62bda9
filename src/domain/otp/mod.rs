//! One-time codes: digits with a lifetime, and the link of the same mail.
//!
//! Owns: the code record, the rules on issuing and trying, the events and audit actions of codes. Must not know: how a
//! code is delivered, HTTP, the store. Begin with `code.rs`.

pub mod actions;
mod ceiling;
mod code;
pub mod events;
mod rule;

pub use ceiling::{NetworkRefusedCodes, RefusedCodes};
pub use code::{CodePurpose, CodeSending, CodeStage, OneTimeCode};
pub use rule::{
    CodeDemand, CodeLimits, CodeProgress, FreshCode, Guess, Issue, Try, attempt, follow_link, issue, progress,
    resend_at,
};
