//! The audit trail: one row an entry, by number, each holding the hash of the one before. Written only by the writer,
//! when a commit's frame is made.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::persons;
use crate::persistence::machinery::{
    codec,
    codec::CodecFault,
    reader::{Reader, TxFault, codec_fault},
    record::Record,
    scan::Scan,
    table::Table,
};
use crate::{
    domain::audit::{Actor, AuditAction, AuditEntry, AuditResult},
    types::{
        Page, Timestamp,
        id::{AuditId, UserId},
        limits,
    },
};

/// The trail.
pub static AUDIT_BY_NUMBER: Table<u64, AuditRow> = Table::new(0x21, "audit_by_number", "for ever");

/// What an entry says, as it is stored and hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditBody {
    /// Binds the sealed fields to this entry.
    pub id: AuditId,
    /// When.
    pub time: Timestamp,
    /// On whose behalf.
    pub actor: Actor,
    /// What was done.
    pub action: AuditAction,
    /// How it ended.
    pub result: AuditResult,
    /// The person it is about.
    pub subject: Option<UserId>,
    /// The request.
    pub request_id: String,
    /// A few words.
    pub detail: String,
    /// `Personal`, sealed under the key of subject or actor.
    pub personal: Option<Vec<u8>>,
}

impl Record for AuditBody {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "audit_body";
}

/// A link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// The hash of the entry before; zeros in front of the first.
    pub previous: [u8; 32],
    /// SHA-256 of number, `previous` and `body`.
    pub hash: [u8; 32],
    /// The encoded `AuditBody`; kept as bytes, so that the hash never depends on an encoder.
    pub body: Vec<u8>,
}

impl Record for AuditRow {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "audit_row";
}

/// The end of the chain. Whoever notes it elsewhere can tell a trail that was cut or rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditHead {
    /// The number of the last entry; 0: there is none.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// The link that comes behind `head`.
pub(in crate::persistence) fn link(head: AuditHead, body: &AuditBody) -> Result<(AuditHead, AuditRow), TxFault> {
    let body = codec::encode(body).map_err(|fault| codec_fault(AuditBody::NAME, &fault))?;
    let number = head.number + 1;
    let hash = hash(number, &head.hash, &body);
    Ok((AuditHead { number, hash }, AuditRow { previous: head.hash, hash, body }))
}

fn hash(number: u64, previous: &[u8; 32], body: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(b"majordomo/audit/1");
    digest.update(number.to_be_bytes());
    digest.update(previous);
    digest.update(body);
    digest.finalize().into()
}

/// The end of the chain as it is stored.
pub fn head(reader: &impl Reader) -> Result<AuditHead, TxFault> {
    let last = reader.first(&AUDIT_BY_NUMBER, Scan::all().backward())?;
    Ok(last.map(|(number, row)| AuditHead { number, hash: row.hash }).unwrap_or_default())
}

/// The link of this number, as the place from which to go on; 0: in front of the first.
pub fn at(reader: &impl Reader, number: u64) -> Result<Option<AuditHead>, TxFault> {
    if number == 0 {
        return Ok(Some(AuditHead::default()));
    }
    let row = reader.get(&AUDIT_BY_NUMBER, &number)?;
    Ok(row.map(|row| AuditHead { number, hash: row.hash }))
}

/// How far a walk along the chain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// Whole up to here; go on from there.
    Further(AuditHead),
    /// Whole to the end.
    Whole(AuditHead),
    /// The entry of this number was changed, or one before it was changed, removed or added.
    Broken {
        /// The first entry that does not fit.
        number: u64,
        /// The last one that does.
        last: AuditHead,
    },
}

/// Checks up to `limits::SCAN_MAX` entries behind `from` (`AuditHead::default()`: from the first); call it again with
/// what it gives until it says `Whole` or `Broken`.
pub fn verify(reader: &impl Reader, from: AuditHead) -> Result<Walk, TxFault> {
    let rows = match reader.scan(&AUDIT_BY_NUMBER, Scan::all().after(&from.number)) {
        Ok(rows) => rows,
        // A row that no longer decodes is a changed one: find it one by one.
        Err(TxFault::Corrupt(_)) => return first_unreadable(reader, from),
        Err(fault @ (TxFault::Conflict | TxFault::Engine(_) | TxFault::TooLarge(_))) => return Err(fault),
    };
    let mut at = from;
    let full = rows.len() == limits::SCAN_MAX;
    for (number, row) in rows {
        if !follows(at, number, &row) {
            return Ok(Walk::Broken { number, last: at });
        }
        at = AuditHead { number, hash: row.hash };
    }
    Ok(if full { Walk::Further(at) } else { Walk::Whole(at) })
}

fn follows(at: AuditHead, number: u64, row: &AuditRow) -> bool {
    number == at.number + 1 && row.previous == at.hash && row.hash == hash(number, &row.previous, &row.body)
}

fn first_unreadable(reader: &impl Reader, from: AuditHead) -> Result<Walk, TxFault> {
    let mut at = from;
    for number in reader.keys(&AUDIT_BY_NUMBER, Scan::all().after(&from.number))? {
        match reader.get(&AUDIT_BY_NUMBER, &number) {
            Ok(Some(row)) if follows(at, number, &row) => at = AuditHead { number, hash: row.hash },
            Ok(_) | Err(TxFault::Corrupt(_)) => return Ok(Walk::Broken { number, last: at }),
            Err(fault @ (TxFault::Conflict | TxFault::Engine(_) | TxFault::TooLarge(_))) => return Err(fault),
        }
    }
    Ok(Walk::Further(at))
}

/// Reads the bodies of the entries behind `from` up to `to`, at most `limits::SCAN_MAX` of them, and the personal
/// fields in them: a body that does not decode is named by its entry.
pub(in crate::persistence) fn understand(reader: &impl Reader, from: AuditHead, to: AuditHead) -> Result<(), TxFault> {
    for (number, row) in reader.scan(&AUDIT_BY_NUMBER, Scan::all().after(&from.number))? {
        if number > to.number {
            break;
        }
        let named = |fault: &dyn std::fmt::Display| TxFault::Corrupt(format!("audit entry {number}: {fault}"));
        let body: AuditBody = codec::decode(&row.body).map_err(|fault: CodecFault| named(&fault))?;
        entry(reader, AuditHead { number, hash: row.hash }, body).map_err(|fault| named(&fault))?;
    }
    Ok(())
}

/// Which entries an auditor wants; an empty filter admits all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// About this person.
    pub subject: Option<UserId>,
    /// By this actor.
    pub actor: Option<Actor>,
    /// Of this action.
    pub action: Option<AuditAction>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    fn admits(&self, body: &AuditBody) -> bool {
        self.subject.is_none_or(|subject| body.subject == Some(subject))
            && self.actor.as_ref().is_none_or(|actor| body.actor == *actor)
            && self.action.is_none_or(|action| body.action == action)
            && self.from.is_none_or(|from| body.time >= from)
            && self.until.is_none_or(|until| body.time < until)
    }
}

/// Where to read, and how much: newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRange {
    /// Entries older than this number; `None`: from the newest.
    pub before: Option<u64>,
    /// At most so many entries.
    pub limit: usize,
}

/// Entries, newest first. `next` is where to go on (as `before`), `None` if the first entry was reached; a page may
/// hold fewer rows than asked for, even none, since one reading looks at `limits::SCAN_MAX` entries.
pub fn read(reader: &impl Reader, range: AuditRange, filter: &AuditFilter) -> Result<Page<AuditEntry, u64>, TxFault> {
    let scan = Scan::all().backward();
    let scan = match range.before {
        Some(number) => scan.after(&number),
        None => scan,
    };
    let stored = reader.scan(&AUDIT_BY_NUMBER, scan)?;
    let full = stored.len() == limits::SCAN_MAX;
    let mut next = stored.last().map(|(number, _)| *number).filter(|_| full);
    let mut rows = Vec::new();
    for (number, row) in stored {
        let body: AuditBody =
            codec::decode(&row.body).map_err(|fault: CodecFault| codec_fault(AUDIT_BY_NUMBER.name, &fault))?;
        if !filter.admits(&body) {
            continue;
        }
        if rows.len() == range.limit {
            next = rows.last().map(|last: &AuditEntry| last.number);
            break;
        }
        rows.push(entry(reader, AuditHead { number, hash: row.hash }, body)?);
    }
    Ok(Page { rows, next })
}

fn entry(reader: &impl Reader, at: AuditHead, body: AuditBody) -> Result<AuditEntry, TxFault> {
    let person = persons::of_entry(&body.actor, body.subject);
    let place = persons::place_of_entry(body.id);
    let personal = persons::open(reader, person, &place, body.personal.as_deref())?;
    Ok(AuditEntry {
        number: at.number,
        time: body.time,
        actor: body.actor,
        action: body.action,
        result: body.result,
        subject: body.subject,
        request_id: body.request_id,
        detail: body.detail,
        personal,
        hash: at.hash,
    })
}
