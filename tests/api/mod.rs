//! The API by its routes: the tests of `src/http/routes/<service>/<resource>.rs` are in `<service>/<resource>.rs`.
//! Tests of the edge code, which runs for every route, are in `edge/`.

mod audit;
mod auth;
mod edge;
pub mod harness;
pub mod idle_services;
mod notifier;
mod operations;
mod otp;
mod relay;
pub mod test_app;
mod user;
