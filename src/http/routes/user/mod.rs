//! Users and invitations.
//!
//! Owns: the routes of users and invitations, and of the operators' commands on users. Must not know: sessions and
//! credentials. Begin with `users.rs`.

pub mod admins;
pub mod invitations;
pub mod profile_body;
pub mod user_body;
pub mod user_operations;
pub mod users;

use crate::http::route::Route;

/// The routes of this folder.
pub(super) fn rows() -> Vec<Route> {
    [users::rows(), invitations::rows(), admins::rows(), user_operations::rows()].into_iter().flatten().collect()
}
