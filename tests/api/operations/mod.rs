//! The routes for operators and load balancers.

mod actors;
mod clock;
mod health;
mod log;
mod metrics;
mod snapshots;
mod store;
