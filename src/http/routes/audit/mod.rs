//! The audit log.
//!
//! Owns: the routes of the audit log. Must not know: what is recorded, and by which service. Begin with `entries.rs`.

pub mod entries;

use crate::http::route::Route;

/// The routes of this folder.
pub(super) fn rows() -> Vec<Route> {
    entries::rows()
}
