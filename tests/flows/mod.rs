//! Flows of the services on a whole system in memory: an engine without a disk, a clock that the test moves, randomness
//! from a seed.

mod leases;
mod notifier;
mod relay;
mod shutdown;
mod test_notifier;
pub mod test_store;
mod upkeep;
mod wrong_clock;
