//! The user: a person who signs in.
//!
//! Owns: the user record, the rules on its status, the events and audit actions of users. Must not know:
//! passwords' hashing, sessions, HTTP. Begin with `record.rs`.

pub mod actions;
pub mod events;
mod filter;
mod invitation;
mod profile;
mod record;
pub mod transition;

pub use filter::UserFilter;
pub use invitation::{INVITATION_CODE_BYTES, Invitation};
pub use profile::Profile;
pub use record::{AddressRule, Metadata, Status, User};
