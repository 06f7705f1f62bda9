//! The user: who somebody is to the application.
//!
//! Owns: the user record and the rules on its status. Must not know: passwords' hashing, sessions, HTTP.
//! Begin with `record.rs`.

mod filter;
mod record;
pub mod transition;

pub use filter::UserFilter;
pub use record::{AddressRule, Metadata, Status, User};
