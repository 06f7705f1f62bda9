//! The code around handlers.
//!
//! Owns: the order of the checks before a handler, and of what is added to its answer. Must not know: single routes.
//! Begin with `frame.rs` (every request, also without a matching route), then `gate.rs` (requests of a route).

pub mod cors;
pub mod frame;
pub mod gate;
