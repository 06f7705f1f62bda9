//! The audit log: entries on every change of user, credential, session and configuration, in two hash chains.
//!
//! Owns: the content of an entry, the list of the services that have actions. Must not know: which actions a service
//! has, how entries are hashed and stored (`persistence`), who reads them. Begin with `AuditRecord`.

mod action;
mod entry;
mod log;

pub(in crate::domain) use action::actions;
pub use action::{ActionRow, AuditAction};
pub use entry::{Actor, AuditEntry, AuditRecord, AuditResult};
pub use log::{AuditLog, AuditPlace};
