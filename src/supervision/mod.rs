//! Supervision over ractor: addresses with permits and deadlines, supervised children, jobs, directories, statistics
//! and clocks.
//!
//! Owns: how actors are started, called, restarted, observed and stopped. Must not know: the domain, the store, any
//! service by name. Begin with `service.rs` (what an actor is), `address.rs` (how it is called) and `supervisor.rs`
//! (how a tree is built); `supervisor_actor.rs` runs a supervisor.

mod active_children;
mod address;
mod child;
mod clock;
mod command;
mod control;
mod directory;
mod directory_actor;
mod entropy;
mod envelope;
mod histogram;
mod jobs;
mod loads;
mod policy;
mod record;
mod reply;
mod report;
mod service;
mod shutdown;
mod slot;
mod spec;
mod stats;
mod supervisor;
mod supervisor_actor;
mod sync;
mod system;
mod task;
mod timers;
mod worker;

pub use address::Addr;
pub use clock::{ClockReading, ClockSources, KernelClock, ManualClock, SystemClock};
pub use command::{Command, CommandActor, CommandContext, CommandMessage, Handle};
pub use directory::{Directory, DirectoryBounds};
pub use entropy::{OsEntropy, SeededEntropy};
pub use policy::{PastLimit, RestartPolicy};
pub use reply::Reply;
pub use service::{Cx, Message, Service, Timer};
pub use shutdown::{PhaseEnd, Shutdown};
pub use spec::Spec;
pub use stats::{ControlRefusal, Stats};
pub use supervisor::{Supervisor, Tree};
pub use system::{Escape, System};
pub use task::TaskCx;
pub use worker::{Next, Nudge, Worker};
