//! Events: facts, written in the commit that made them true.
//!
//! Owns: the form of an event's declaration, the list of the services that have events, the envelope, the progress of
//! subscribers. Must not know: which events a service has, what a subscriber does with an event, the store, HTTP. Begin
//! with `declare.rs`, and with `domain/user/events.rs` as an example.

pub mod actions;
mod declare;
mod envelope;
mod kind;
mod payload;
mod row;
pub mod samples;
mod subscription;

pub(crate) use declare::{event, service_events};
pub use envelope::{Event, EventEnvelope, Personal};
pub use kind::{EventBodyForm, EventKind};
pub use payload::PayloadValue;
pub use row::{EventRow, EventType};
pub use subscription::{DeadLetter, DeadReason, Delayed, NextTry, Subscription, next_try};
