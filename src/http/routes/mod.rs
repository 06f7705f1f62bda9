//! The route table: the source of both routers, the OpenAPI document, `Allow`, and `docs/reference/routes.md`.
//!
//! Owns: the handlers, one folder for each service and in it one file for each resource, and the table that joins
//! their rows. Must not know: the store, or how a service works. Begin with [`table`]. A handler reads the request,
//! calls one handle method, and writes the answer. Its `#[utoipa::path]` states method, path, operation id
//! (`<verb>_<resource>`) and answers. Its row, at the beginning of the file, states what the route requires.

pub mod audit;
pub mod auth;
pub mod edge;
pub mod notifier;
pub mod operations;
pub mod otp;
pub mod relay;
pub mod user;

use super::route::Route;

/// Every route of the product.
pub fn table() -> Vec<Route> {
    let services = [
        audit::rows(),
        auth::rows(),
        edge::rows(),
        notifier::rows(),
        operations::rows(),
        otp::rows(),
        relay::rows(),
        user::rows(),
    ];
    services.into_iter().flatten().collect()
}
