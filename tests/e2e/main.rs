//! The real program: started in an empty directory, used over HTTP, killed, refused, stopped.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests panic, and read the machine's time"
)]

mod accounts;
mod api;
mod audit_head;
mod compaction;
mod crowd;
mod deploy;
mod description;
mod hardened;
mod kills;
mod lossy;
mod mail;
mod metrics;
mod migrating;
mod paused;
#[path = "../peers/mod.rs"]
mod peers;
#[path = "../power/mod.rs"]
mod power;
mod private_files;
mod quick_start;
mod refusals;
mod repeat;
mod restored;
mod restored_sessions;
mod runbooks;
mod secrets;
mod server;
mod shutdown;
mod snapshots;
mod starting;
mod tokens;
mod tree;
