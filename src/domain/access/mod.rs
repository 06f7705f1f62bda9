//! Access: the permissions of each role.
//!
//! Owns: the permissions, the one table from roles to them, the rule of the last administrator. Must not know: routes
//! (each names the permission it needs), HTTP, the store. Begin with `permission.rs`.

mod last_admin;
mod permission;

pub use last_admin::{LastAdmin, may_stop_being_admin};
pub use permission::{Permission, may, permissions_of};
