//! The REST API: two listeners, one route table, one form of error answer (RFC 9457).
//!
//! Owns: the accept loop, routing, extractors, limits, headers, problem documents, the OpenAPI document.
//! Must not know: the store, ractor, message enums, business rules. Handlers translate and call service handles.
//! Begin with `routes/mod.rs` (the table), then `middleware/frame.rs` (the checks and headers of every request).

pub mod accept;
pub mod authenticator;

pub mod context;
pub mod credential;
pub mod cursor;
pub mod error;
pub mod extract;
pub mod fields;
pub mod limits;
pub mod middleware;
pub mod openapi;
mod pages;
pub mod route;
pub mod router;
pub mod routes;
pub mod serve;
pub mod services;
pub mod starting;
pub mod strict_json;
pub mod tags;
pub mod trust;

pub use context::SignedIn;
pub use error::{ApiError, ProblemCode};
pub use extract::{Accepted, Created, Json, List, Path, PathPair, Query, Rows};
pub use fields::{Change, Fields, FromFields};
pub use services::EdgeServices;

pub use axum::Router;
