//! Numbers that are given when a commit's frame is made, so that no closure sees them: the sequence of an event, the
//! place and hash of an audit entry.

use crate::persistence::machinery::{
    Batch, Operation, codec,
    key::TableKey,
    reader::{Reader, TxFault, codec_fault, place},
    record::Record,
    table::Table,
    tx::TxOutput,
};
use crate::persistence::schema::{
    audit::{self, AUDIT_BY_NUMBER, AuditHead},
    events::{self, EVENT_BY_SEQUENCE},
};

/// The last numbers given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// The sequence of the last event.
    pub(crate) sequence: u64,
    /// The end of the audit chain.
    pub(crate) audit: AuditHead,
}

impl Numbers {
    /// Goes on where the stored log and chain end.
    pub(crate) fn read(reader: &impl Reader) -> Result<Self, TxFault> {
        Ok(Self { sequence: events::head(reader)?, audit: audit::head(reader)? })
    }

    /// All that a transaction changes, with its events and entries numbered. If it fails no number is used up.
    pub(crate) fn frame(&mut self, left: &TxOutput) -> Result<Batch, TxFault> {
        let mut next = *self;
        let mut batch = left.changes.to_batch();
        for event in &left.events {
            next.sequence += 1;
            batch.0.push(put(&EVENT_BY_SEQUENCE, &next.sequence, event)?);
        }
        for entry in &left.entries {
            let (head, row) = audit::link(next.audit, entry)?;
            next.audit = head;
            batch.0.push(put(&AUDIT_BY_NUMBER, &head.number, &row)?);
        }
        *self = next;
        Ok(batch)
    }
}

fn put<K: TableKey, V: Record>(table: &Table<K, V>, key: &K, value: &V) -> Result<Operation, TxFault> {
    let value = codec::encode(value).map_err(|fault| codec_fault(table.name, &fault))?;
    Ok(Operation::Put { key: place(table, key), value })
}
