//! The list for auditors: both logs in one, by time, newest first.

use super::{AuditBody, AuditHead, AuditRow, table};
use crate::{
    domain::audit::{Actor, AuditAction, AuditEntry, AuditLog, AuditPlace},
    persistence::{
        machinery::{
            codec::{self, CodecFault},
            reader::{Reader, TxFault, codec_fault},
            scan::Scan,
        },
        schema::persons,
    },
    types::{Page, Timestamp, id::UserId, limits},
};

/// A filter for audit entries; an empty filter admits all.
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
    /// The logs that can hold such entries; both for an action that this program does not know.
    fn logs(&self) -> Vec<AuditLog> {
        let row = self.action.and_then(AuditAction::row);
        row.map_or(AuditLog::ALL.to_vec(), |row| vec![row.log])
    }

    fn admits(&self, body: &AuditBody) -> bool {
        self.subject.is_none_or(|subject| body.subject == Some(subject))
            && self.actor.as_ref().is_none_or(|actor| body.actor == *actor)
            && self.action.is_none_or(|action| body.action == action)
            && self.from.is_none_or(|from| body.time >= from)
            && self.until.is_none_or(|until| body.time < until)
    }
}

/// Where to read, and how many entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRange {
    /// Entries older than this place.
    pub before: AuditPlace,
    /// Maximum number of entries.
    pub limit: usize,
}

/// Entries of both logs by time, newest first; at equal times the sign-in comes first. `next` is the place to continue
/// (as `before`), `None` if the first entries were reached. A page may hold fewer rows than `limit`, even none, since
/// one call reads at most `limits::SCAN_MAX` entries.
pub fn read(
    reader: &impl Reader,
    range: AuditRange,
    filter: &AuditFilter,
) -> Result<Page<AuditEntry, AuditPlace>, TxFault> {
    let logs = filter.logs();
    let (mut pages, mut place) = (Vec::new(), range.before);
    for log in &logs {
        let page = LogPage::read(reader, *log, range.before.of(*log), limits::SCAN_MAX / logs.len())?;
        // Entries that are appended from now on, in either log, are not part of this list.
        place = place.at(*log, page.begin);
        pages.push(page);
    }
    let mut rows = Vec::new();
    loop {
        if pages.iter().any(LogPage::has_more_to_read) {
            return Ok(Page { rows, next: Some(place) });
        }
        let Some(page) = pages.iter_mut().max_by_key(|page| page.next.as_ref().map(|next| (next.body.time, page.log)))
        else {
            return Ok(Page { rows, next: None });
        };
        let Some(next) = &page.next else { return Ok(Page { rows, next: None }) };
        let admitted = filter.admits(&next.body);
        if admitted && rows.len() == range.limit {
            return Ok(Page { rows, next: Some(place) });
        }
        place = place.at(page.log, next.at.number);
        if let Some(taken) = page.take()?.filter(|_| admitted) {
            rows.push(entry(reader, page.log, taken.at, taken.body)?);
        }
    }
}

/// A part of one log, newest first.
struct LogPage {
    log: AuditLog,
    /// The number above its first entry.
    begin: u64,
    rest: std::vec::IntoIter<(u64, AuditRow)>,
    next: Option<ReadRow>,
    /// Whether the log continues after this part.
    is_full: bool,
}

struct ReadRow {
    at: AuditHead,
    body: AuditBody,
}

impl LogPage {
    fn read(reader: &impl Reader, log: AuditLog, before: u64, limit: usize) -> Result<Self, TxFault> {
        let rows = reader.scan(table(log), Scan::all().backward().after(&before).limit(limit))?;
        let begin = rows.first().map_or(1, |(number, _)| number + 1);
        let is_full = rows.len() == limit;
        let mut page = Self { log, begin, rest: rows.into_iter(), next: None, is_full };
        page.take()?;
        Ok(page)
    }

    fn has_more_to_read(&self) -> bool {
        self.next.is_none() && self.is_full
    }

    /// Returns the next entry, and reads the one after it.
    fn take(&mut self) -> Result<Option<ReadRow>, TxFault> {
        let behind = match self.rest.next() {
            Some((number, row)) => {
                let body = codec::decode(&row.body);
                let body = body.map_err(|fault: CodecFault| codec_fault(table(self.log).name, &fault))?;
                Some(ReadRow { at: AuditHead { number, hash: row.hash }, body })
            }
            None => None,
        };
        Ok(std::mem::replace(&mut self.next, behind))
    }
}

/// The entry in the form for auditors.
pub(super) fn entry(
    reader: &impl Reader,
    log: AuditLog,
    at: AuditHead,
    body: AuditBody,
) -> Result<AuditEntry, TxFault> {
    let person = persons::of_entry(&body.actor, body.subject);
    let place = persons::place_of_entry(body.id);
    let personal = persons::open(reader, person, &place, body.personal.as_deref())?;
    Ok(AuditEntry {
        log,
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
