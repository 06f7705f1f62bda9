//! What operators and load balancers read and do.

mod actors;
mod clock;
mod health;
mod log;
mod metrics;
mod snapshots;
