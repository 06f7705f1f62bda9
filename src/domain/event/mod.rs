//! Events: facts, written in the commit that made them true.
//!
//! Owns: the catalogue of events, the names of the subscribers of each, and their envelope. Must not know: what a
//! subscriber does with an event, the store, HTTP. Begin with `kind.rs`, the catalogue.

mod envelope;
mod kind;
mod payload;
#[cfg(test)]
pub mod samples;
mod subscription;

pub use envelope::{Event, EventEnvelope, EventOrigin, Personal};
pub use kind::{EventKind, EventType};
pub use payload::PayloadValue;
pub use subscription::{DeadLetter, DeadReason, Delayed, NextTry, Subscription, next_try};
