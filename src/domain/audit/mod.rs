//! The book: entries on every change of account, credential, session and configuration, in a hash chain.
//!
//! Owns: what an entry says. Must not know: how entries are hashed and stored (`persistence`), who reads them.
//! Begin with `AuditAction`.

mod entry;

pub use entry::{Actor, AuditAction, AuditEntry, AuditRecord, AuditResult};
