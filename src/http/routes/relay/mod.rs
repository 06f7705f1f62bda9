//! Events.
//!
//! Owns: the routes of events, and of those that a subscriber did not accept. Must not know: the subscribers. Begin
//! with `events.rs`.

pub mod dead_letters;
pub mod events;

use crate::http::route::Route;

/// The routes of this folder.
pub(super) fn rows() -> Vec<Route> {
    [dead_letters::rows(), events::rows()].into_iter().flatten().collect()
}
