//! The single writer: it takes closures and commits them durably, in groups.
//!
//! Owns: the queue of the writer, how a closure is run, how a group is committed and answered, the numbers of log
//! entries. Must not know: what a closure is about, HTTP, actors. Begin with `step.rs`.

pub(super) mod group;
pub(super) mod heads;
pub(super) mod job;
pub(super) mod queue;
pub mod step;
pub mod steps;
mod swapping;
pub mod watch;

pub use group::ReplayCheck;
pub use job::{Write, WriteLane, WriteRoom};
