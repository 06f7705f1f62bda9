//! What happens around handlers.
//!
//! Owns: the order of checks before a handler and of what is added to its answer. Must not know: any route by name.
//! Begin with `frame.rs` (every request, also those no route answers), then `gate.rs` (requests of a route).

pub mod cors;
pub mod frame;
pub mod gate;
