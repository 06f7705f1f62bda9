//! From the settings to a running process and its end: bind, open, migrate, start, run, stop.
//!
//! Owns: the order of the start and of the stop, the tree, and the wiring of the services; sockets, the store's
//! directory and the files of secrets. Must not know: the command line, rules of the business. Begin with `tree.rs`
//! (all actors), then `open.rs`, `prepare.rs`, `start.rs`, `run.rs`, in the order in which a process runs them.
//!
//! Sockets are bound before the store is opened, so that an address in use changes nothing. They are served from then
//! on: while the store is opened, rebuilt or migrated by routes that only report this, then by all routes.

pub mod control_token;
mod error;
mod open;
mod prepare;
mod restored;
mod run;
mod secrets;
pub mod services;
mod sockets;
mod start;
pub mod storage;
pub mod tree;

use std::sync::Arc;

pub use error::AppError;
pub use secrets::{check_files, hasher};

use crate::{
    actors::hasher::HasherPool,
    config::Config,
    persistence::{Write, migrations::Migration, opening_watch::OpeningWatch},
    supervision::System,
    telemetry::log::LogSwitch,
    types::{CallContext, Work, limits},
};

/// A process whose listeners are bound, before its store is opened.
pub struct App {
    config: Arc<Config>,
    sockets: sockets::Sockets,
    hasher: HasherPool,
    log: LogSwitch,
    migrations: &'static [Migration],
    /// The phase of the start, and the request to stop it.
    watch: OpeningWatch,
}

/// A process whose store is open and migrated, before the actors are started.
struct OpenedApp {
    app: App,
    opened: open::OpenedStore,
    system: System,
}

/// Whether the store has an administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdministratorPresence {
    /// No user is an administrator yet.
    Absent,
    /// A user is an administrator.
    Present,
}

/// The context of a transaction of the start.
fn service_write(system: &System) -> Write {
    let work = Work::until(system.clock().instant() + limits::WRITER_LOST);
    Write::new(work, system.stamp(), CallContext::service("app", "start"))
}
