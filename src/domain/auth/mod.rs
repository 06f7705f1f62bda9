//! Sign-in: registrations, sessions, signing keys, and the rules on them.
//!
//! Owns: the records of `AuthActor`, its decisions, events and audit actions. Must not know: how a hash or a
//! signature is computed, HTTP, the store. Begin with `registration.rs` and `session.rs`.

pub mod actions;
pub mod blocklist;
pub mod events;
pub mod key_rotation;
pub mod lockout;
pub mod password_policy;
pub mod refresh;
mod registration;
pub mod registration_rules;
mod reset;
mod session;
mod signing_key;

pub use refresh::{Presented, RefreshState};
pub use registration::{AddressState, Registration};
pub use reset::ResetRequest;
pub use session::{Session, SessionEnd};
pub use signing_key::{KeyStage, SigningKey};

pub use crate::types::SigningAlgorithm;
