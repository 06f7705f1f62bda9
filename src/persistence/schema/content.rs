//! Checks that everything in a tree can be decoded: every key belongs to a table, every record decodes, sealed ones
//! open, and the audit chain is valid. `check` has found bytes that differ from the journal before; this finds records
//! that were written wrong.

use std::collections::BTreeMap;

use super::{
    assembly::CATALOG,
    audit::{self, AuditHead, Walk},
    events::{self, EventFilter, EventRange},
};
use crate::{
    domain::audit::AuditLog,
    persistence::machinery::{
        catalog::TableRow,
        engine::{ByteScan, EngineError, EngineView, Pair},
        keyring::Keyring,
        links::{self, LogGaps, Misfit, Misfits},
        reader::{ByteReader, TxFault},
    },
    types::limits,
};

/// The first row that cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum ContentFault {
    /// A key whose first byte is no table's.
    #[error("the key {0} belongs to no table")]
    NoTable(String),
    /// A key or a record that does not decode or open.
    #[error("the row {key} does not decode: {fault}")]
    Row {
        /// The key, in hexadecimal digits.
        key: String,
        /// The table and the reason.
        fault: TxFault,
    },
    /// Rows that are missing or do not fit each other; the text names tables and numbers.
    #[error("{0}")]
    Misfits(String),
    /// The audit chain is not valid.
    #[error("the audit chain is broken at entry {number} of {}", log.as_str())]
    Broken {
        log: AuditLog,
        /// The first entry that does not match.
        number: u64,
    },
    /// The body of an audit entry or of an event does not decode.
    #[error(transparent)]
    Inside(#[from] TxFault),
}

/// The counts of what was decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Number of rows of all tables.
    pub rows: u64,
    /// Number of events in the log.
    pub events: u64,
    /// The head of the audit log of changes.
    pub audit: AuditHead,
    /// The head of the audit log of sign-ins.
    pub audit_sign_ins: AuditHead,
}

struct Content<'a> {
    engine: &'a dyn EngineView,
    ring: &'a Keyring,
}

impl ByteReader for Content<'_> {
    fn get_bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.engine.get(key)
    }

    fn scan_bytes(&self, scan: &ByteScan) -> Result<Vec<Pair>, EngineError> {
        self.engine.scan(scan)
    }

    fn ring(&self) -> &Keyring {
        self.ring
    }
}

/// Reads everything in `engine`, in pages.
pub fn verify(engine: &dyn EngineView, ring: &Keyring) -> Result<Contents, ContentFault> {
    ring.prepare(&CATALOG);
    let content = Content { engine, ring };
    let rows = content.rows()?;
    let audit = content.chain(AuditLog::Changes)?;
    let audit_sign_ins = content.chain(AuditLog::SignIns)?;
    let events = content.events()?;
    Ok(Contents { rows, events, audit, audit_sign_ins })
}

impl Content<'_> {
    fn rows(&self) -> Result<u64, ContentFault> {
        let tables: BTreeMap<u8, &TableRow> = CATALOG.tables.iter().map(|row| (row.tag, row)).collect();
        let (mut misfits, mut gaps) = (Misfits::default(), LogGaps::of(CATALOG.logs));
        let mut scan = ByteScan::all(limits::SCAN_MAX);
        let mut rows = 0;
        loop {
            let page = self.engine.scan(&scan).map_err(TxFault::from)?;
            let Some((last, _)) = page.last() else { break };
            scan = scan.after(last.clone());
            for (place, value) in page {
                // The byte 0 is the engine's own.
                let tag = place.first().copied().unwrap_or(0);
                if tag == 0 {
                    continue;
                }
                let table = tables.get(&tag).ok_or_else(|| ContentFault::NoTable(hex(&place)))?;
                let decoded = table.decode(self.ring, &place, &value);
                decoded.map_err(|fault| ContentFault::Row { key: hex(&place), fault })?;
                rows += 1;
                if let Some(misfit) = links::misfit(&CATALOG, self, (&place, &value))? {
                    misfits.count(misfit, 1);
                }
                if let Some((log, missing)) = gaps.row(&place) {
                    misfits.count(Misfit::Gap(log.name), missing);
                }
            }
        }
        if misfits.is_empty() { Ok(rows) } else { Err(ContentFault::Misfits(misfits.to_string())) }
    }

    fn chain(&self, log: AuditLog) -> Result<AuditHead, ContentFault> {
        let mut head = AuditHead::default();
        loop {
            let walk = audit::verify(self, log, head)?;
            match walk {
                Walk::Further(further) | Walk::Whole(further) => {
                    audit::understand(self, log, head, further)?;
                    head = further;
                }
                Walk::Broken { number, .. } => return Err(ContentFault::Broken { log, number }),
            }
            if matches!(walk, Walk::Whole(_)) {
                return Ok(head);
            }
        }
    }

    fn events(&self) -> Result<u64, ContentFault> {
        let mut range = EventRange { after: 0, limit: limits::SCAN_MAX };
        let mut count = 0;
        loop {
            let page = events::read(self, range, &EventFilter::default())?;
            count += page.rows.len() as u64;
            match page.next {
                Some(next) => range.after = next,
                None => return Ok(count),
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
