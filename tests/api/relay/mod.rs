//! The event log and its subscribers.

mod dead_letters;
mod events;
