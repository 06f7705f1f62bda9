//! The audit log: two logs with one row per entry, by number, each with the hash of the one before. Written only by
//! `Tx::audit`; numbered and linked when a commit's frame is made.
//!
//! Sign-ins have a log of their own (`ActionRow::log`), so that retention can cut that one and leave the other. The
//! hash of an entry covers the digest of its body, so that a chain can be verified where only digests are left. The
//! chain of hashes is public; beside it each link has a MAC under the key ring.
//!
//! Owns: the stored form of an entry, both chains, the list for auditors. Must not know: who reads it, which changes
//! have an entry. Begin with `chain.rs`; `read.rs` is the list.

mod chain;
mod read;

use serde::{Deserialize, Serialize};

pub(super) use chain::understand;
pub use chain::{Walk, at, head, verify};
pub use read::{AuditFilter, AuditRange, read};

use crate::{
    domain::audit::{Actor, AuditAction, AuditLog, AuditResult},
    persistence::machinery::{
        log::{Log, LogHead, LogProof},
        record::Record,
        table::Table,
    },
    types::{
        Timestamp,
        id::{AuditId, UserId},
    },
};

/// Entries on changes.
pub static AUDIT_BY_NUMBER: Table<u64, AuditRow> = Table::new(0x21, "audit_by_number", "permanently");
/// Entries on sign-ins.
pub static AUDIT_SIGN_IN_BY_NUMBER: Table<u64, AuditRow> = Table::new(0x23, "audit_sign_in_by_number", "permanently");

/// The log of changes.
pub static AUDIT: Log = Log {
    tag: AUDIT_BY_NUMBER.tag,
    name: "audit",
    is_cut: false,
    link: |ring, before, body| chain::link(AuditLog::Changes, ring, (before, body)),
    hash: chain::hash_of,
    proof: Some(LogProof {
        check: |ring, number, row| chain::is_proven(AuditLog::Changes, ring, (number, row)),
        renew: chain::renewed,
    }),
};
/// The log of sign-ins.
pub static AUDIT_SIGN_INS: Log = Log {
    tag: AUDIT_SIGN_IN_BY_NUMBER.tag,
    name: "audit_sign_ins",
    is_cut: false,
    link: |ring, before, body| chain::link(AuditLog::SignIns, ring, (before, body)),
    hash: chain::hash_of,
    proof: Some(LogProof {
        check: |ring, number, row| chain::is_proven(AuditLog::SignIns, ring, (number, row)),
        renew: chain::renewed,
    }),
};

/// The log in the machinery's form.
pub fn log(log: AuditLog) -> &'static Log {
    match log {
        AuditLog::Changes => &AUDIT,
        AuditLog::SignIns => &AUDIT_SIGN_INS,
    }
}

fn table(log: AuditLog) -> &'static Table<u64, AuditRow> {
    match log {
        AuditLog::Changes => &AUDIT_BY_NUMBER,
        AuditLog::SignIns => &AUDIT_SIGN_IN_BY_NUMBER,
    }
}

/// The head of a chain, or a place in it. A copy of the head stored elsewhere reveals a chain that was cut or
/// rewritten.
pub type AuditHead = LogHead;

/// The content of an entry, as it is stored and hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditBody {
    /// Binds the sealed fields to this entry.
    pub id: AuditId,
    /// The time of the entry.
    pub time: Timestamp,
    /// The actor: a user, the operator, a service.
    pub actor: Actor,
    pub action: AuditAction,
    /// The result of the action.
    pub result: AuditResult,
    /// The person whom the entry is about.
    pub subject: Option<UserId>,
    /// The id of the request.
    pub request_id: String,
    pub detail: String,
    /// `Personal`, sealed under the key of subject or actor.
    pub personal: Option<Vec<u8>>,
}

impl Record for AuditBody {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "audit_body";
}

/// A link of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// The hash of the entry before; zeros in front of the first.
    pub previous: [u8; 32],
    /// SHA-256 of the log's name, the number, `previous` and the SHA-256 of `body`.
    pub hash: [u8; 32],
    /// A truncated HMAC of `hash` under a key of the ring: one without the ring cannot write a link.
    pub mac: [u8; 16],
    /// The encoded `AuditBody`; kept as bytes, so that the hash never depends on an encoder.
    pub body: Vec<u8>,
}

impl Record for AuditRow {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "audit_row";
}
