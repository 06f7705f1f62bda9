//! Reads the event log for each subscriber, hands each event over in the order of its subject, and keeps what could not
//! be taken yet.
//!
//! Owns: watermarks, marks, delayed events and dead letters of the subscribers. Must not know: what an event means.
//! Wakes on: a commit with events, an outcome, the time of a delayed event, an operator's order, its lease.
//! Promises: an effect that settles in its transaction happens exactly once; others at least once.
//! Loses on crash: nothing but the order between a hand-over that was under way and its repetition.
//! Begin with `subscriber.rs` (what a subscriber is), then `actor.rs`.

mod actor;
mod counts;
mod hand_over;
mod operate;
mod subscriber;
mod window;

pub use operate::{AllDeadLetters, DeadLetterPage, EventPage, EventQuery, OperatorRefusal, Relays, SubscriberReport};
pub use subscriber::{AlreadySettled, HandOver, NotTaken, Subscriber};
