//! One-time codes.
//!
//! Owns: the routes of one-time codes. Must not know: how codes are sent. Begin with `codes.rs`.

pub mod codes;

use crate::http::route::Route;

/// The routes of this folder.
pub(super) fn rows() -> Vec<Route> {
    codes::rows()
}
