//! The real program under HTTP load.
//!
//! Owns: starting the program, a client with little cost of its own, saturated and paced load. Must not know: what is
//! measured. Begin with `program::Program`.

pub mod client;
pub mod load;
pub mod program;
