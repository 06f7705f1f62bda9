//! The first page, and the descriptions of the API and of its problems.
//!
//! Owns: the routes that lead to the API and describe it. Must not know: any service. Begin with `openapi.rs`.

pub mod home;
pub mod openapi;
pub mod problems;

use crate::http::route::Route;

/// The routes of this folder.
pub(super) fn rows() -> Vec<Route> {
    [home::rows(), openapi::rows(), problems::rows()].into_iter().flatten().collect()
}
