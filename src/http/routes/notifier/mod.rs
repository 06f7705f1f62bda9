//! Notifications.
//!
//! Owns: the routes of notifications and of the development inbox. Must not know: what is sent, and why. Begin with
//! `notifications.rs`.

pub mod inbox;
pub mod notifications;

use crate::http::route::Route;

/// The routes of this folder.
pub(super) fn rows() -> Vec<Route> {
    [inbox::rows(), notifications::rows()].into_iter().flatten().collect()
}
