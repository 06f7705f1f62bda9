//! The user: a person who signs in.
//!
//! Owns: the user record and the rules on its status. Must not know: passwords' hashing, sessions, HTTP.
//! Begin with `record.rs`.

mod filter;
mod invitation;
mod profile;
mod record;
pub mod transition;

pub use filter::UserFilter;
pub use invitation::{INVITATION_CODE_BYTES, Invitation};
pub use profile::Profile;
pub use record::{AddressRule, Metadata, Status, User};
