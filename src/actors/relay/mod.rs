//! Relays events: reads the event log for each subscriber, hands over the events of each subject in order, and stores
//! each event whose hand-over failed.
//!
//! Owns: watermarks, marks, delayed events and dead letters of the subscribers. Must not know: what an event means.
//! Wakes on: a commit with events, the end of a job, the time of a delayed event, an operator's command, its lease.
//! Promises: an effect that settles in its transaction happens exactly once; others at least once.
//! Loses on crash: the results of running hand-overs, which are repeated.
//! Begin with `subscriber.rs` (what a subscriber is), then `actor.rs`.

mod actor;
mod counts;
mod hand_over;
mod operate;
mod subscriber;
mod window;

pub use operate::{AllDeadLetters, DeadLetterPage, EventPage, EventQuery, OperatorRefusal, Relays, SubscriberReport};
pub use subscriber::{AlreadySettled, HandOver, NotTaken, Subscriber};
