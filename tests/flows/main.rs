//! Flows of the services on a whole system in memory: an engine without a disk, a clock that is moved, seeded chance.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

#[path = "../api/harness.rs"]
#[allow(dead_code, reason = "shared with the tests of the API")]
mod harness;
#[path = "../api/idle_services.rs"]
mod idle_services;
mod leases;
mod notifier;
mod relay;
#[path = "../api/test_app.rs"]
#[allow(dead_code, reason = "shared with the tests of the API")]
mod test_app;
mod test_notifier;
mod test_store;
mod upkeep;
