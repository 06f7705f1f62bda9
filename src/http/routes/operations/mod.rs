//! Operations.
//!
//! Owns: the routes for operators: actors, clock, health, log, metrics, snapshots, the store. Must not know: the rules
//! of a service. Begin with `health.rs`.

pub mod actors;
pub mod clock;
pub mod health;
pub mod log;
pub mod metrics;
pub mod snapshots;
pub mod store;

use crate::http::route::Route;

/// The routes of this folder.
pub(super) fn rows() -> Vec<Route> {
    [actors::rows(), clock::rows(), health::rows(), log::rows(), metrics::rows(), snapshots::rows(), store::rows()]
        .into_iter()
        .flatten()
        .collect()
}
