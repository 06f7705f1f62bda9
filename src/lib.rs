//! Majordomo: the user services of an application in one program: authentication, users, one-time codes and
//! notifications, over HTTP, with its own store.
//!
//! ```text
//!  apps, browsers                                   operators
//!       |  public listener                               |  ops listener (loopback by default)
//!       v                                                v
//!  +- http ---------------------------------------------------------------------+
//!  |  routes, extractors, limits, problem+json, OpenAPI                         |
//!  +------|---------------------------------------------------------------------+
//!         |  handle.run(context, command): bounded mailbox, deadline, typed failure
//!         v
//!  +- actors -------------------------------------------------------------------+
//!  |  auth   user   otp --(a child for each user with a live code)   notifier   |
//!  +------|---------------------------------------------------^-----------------+
//!         |  store.decide / store.write                       |  events: in order, at least once
//!         v                                                   |
//!  +- persistence ------------------------------------------- relay ------------+
//!  |  writer thread: run on overlay > journal > fdatasync > apply to tree > reply|
//!  |  one commit = records + indexes + events + audit entry                     |
//!  +----------------------------------------------------------------------------+
//! ```
//!
//! The layers in reading order. Each imports only layers above it in this list; `docs/architecture.md` has the exact
//! table, and `cargo test --test tidy` checks it.
//!
//! 1. [`types`]: values that enforce their own invariants, faults, limits, the traits of time and randomness.
//! 2. [`config`]: every setting with its default.
//! 3. [`domain`]: the rules, as pure functions over records.
//! 4. [`crypto`]: password hashes, signing keys, tokens, codes.
//! 5. [`outbound`]: one file for each external provider.
//! 6. [`telemetry`]: logs, and the types of the reports for operators.
//! 7. [`persistence`]: the store: journal, tree, transactions, tables, event log, audit log.
//! 8. [`supervision`]: actors, supervisors, directories, jobs, shutdown.
//! 9. [`actors`]: one folder for each service: its commands and its handle.
//! 10. [`http`]: accept loop, routes, problems, OpenAPI.
//! 11. [`app`]: start, stop and the tree of actors.
//! 12. [`cli`]: one file for each command of the program.
//!
//! Each folder's `mod.rs` states what the folder owns, what it must not know, and where to begin. `docs/glossary.md`
//! defines the words.

pub mod actors;
pub mod app;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod http;
pub mod outbound;
pub mod persistence;
pub mod supervision;
pub mod telemetry;
pub mod types;
