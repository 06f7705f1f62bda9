//! Clocks.
//!
//! Owns: the rule by which the wall clock is followed, the clock of production, and the clock that its caller moves.
//! Must not know: the store, any service. Begin with `timeline.rs`, the rule.

mod kernel;
mod manual;
mod system;
mod timeline;

pub use kernel::KernelClock;
pub use manual::ManualClock;
pub use system::{ClockReading, ClockSources, SystemClock};
