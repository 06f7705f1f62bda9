//! The route table: from it come both routers, the OpenAPI document, `Allow`, and `docs/reference/routes.md`.
//!
//! Owns: the table, and one file of handlers for each resource. Must not know: the store, or how a service does it.
//! Begin with [`table`]. A handler translates, calls one handle method, translates; `#[utoipa::path]` on it names its
//! method, path, operation id (`<verb>_<resource>`) and what it answers. What a route demands stands here only.

pub mod health;

use utoipa_axum::routes;

use super::route::{Access::Nobody, Class::Exempt, On::Both, Route, row};

/// Every route of the product.
pub fn table() -> Vec<Route> {
    vec![row(Both, Nobody, Exempt, routes!(health::show_liveness))]
}
