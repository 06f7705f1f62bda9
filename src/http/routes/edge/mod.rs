//! The description of the API.
//!
//! Owns: the routes that describe the API. Must not know: any service. Begin with `openapi.rs`.

pub mod openapi;

use crate::http::route::Route;

/// The routes of this folder.
pub(super) fn rows() -> Vec<Route> {
    openapi::rows()
}
