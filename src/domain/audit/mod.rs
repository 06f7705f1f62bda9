//! The audit log: entries on every change of user, credential, session and configuration, in two hash chains.
//!
//! Owns: the content of an entry. Must not know: how entries are hashed and stored (`persistence`), who reads them.
//! Begin with `AuditAction`.

mod entry;
mod log;

pub use entry::{Actor, AuditAction, AuditEntry, AuditRecord, AuditResult};
pub use log::{AuditLog, AuditPlace};
