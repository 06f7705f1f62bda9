//! News: what became true, told to whoever subscribes.
//!
//! Owns: the catalogue of events and their envelope. Must not know: who hears them, the store, HTTP.
//! Begin with `kind.rs`, the catalogue.

mod envelope;
mod kind;
mod payload;
mod subscription;

pub use envelope::{Event, EventEnvelope, EventOrigin, Personal};
pub use kind::{EventKind, EventType};
pub use payload::PayloadValue;
pub use subscription::{DeadLetter, DeadReason, Delayed, NextTry, Subscription, next_try};
