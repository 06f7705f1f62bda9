//! The development inbox: mail that is stored, sealed, in the order of arrival, and not sent.

use uuid::Uuid;

use crate::{
    domain::notification::{InboxMail, MailSelector},
    persistence::machinery::{
        codec::{self, CodecFault},
        links::{LinkedRows, StoredRow},
        reader::{ByteReader, Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    persistence::schema::records::InboxMailV1,
    types::{
        Timestamp,
        id::{DeliveryId, MailId},
        limits,
    },
};

/// The mails, sealed: they hold codes.
pub static MAIL_BY_ID: Table<MailId, InboxMail> = Table::sealed(0x1a, "mail_by_id", "24 h, 1,000 mails");
/// The mail of each delivery, so that a repeated send is one mail.
pub static MAIL_ID_BY_DELIVERY: Table<DeliveryId, MailId> = Table::new(0x1b, "mail_id_by_delivery", "as mail_by_id");
/// The mails of each recipient; the address in lower case.
pub static MAIL_BY_RECIPIENT: Table<(String, MailId), Present> = Table::new(0x1c, "mail_by_recipient", "as mail_by_id");

impl Record for InboxMail {
    const SCHEMA: u16 = 2;
    const NAME: &'static str = "inbox_mail";

    fn upgrade(schema: u16, payload: &[u8]) -> Result<Self, CodecFault> {
        match schema {
            1 => codec::payload::<InboxMailV1>(Self::NAME, payload).map(Self::from),
            _ => Err(CodecFault::Schema { record: Self::NAME, schema }),
        }
    }
}

/// The index rows of a mail.
pub(super) fn links(reader: &dyn ByteReader, row: &StoredRow<'_>) -> Result<LinkedRows, TxFault> {
    let (_, mail) = row.decode(reader, &MAIL_BY_ID)?;
    let linked = LinkedRows::default().with(&MAIL_ID_BY_DELIVERY, &mail.delivery);
    Ok(linked.with(&MAIL_BY_RECIPIENT, &recipient(&mail)))
}

/// The bounds of the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// Maximum number of mails.
    pub rows: usize,
    /// Mails that arrived before this are removed.
    pub since: Timestamp,
}

/// An id for the next mail: later than all others, also those of the same millisecond.
pub fn next_id(tx: &mut Tx<'_>) -> Result<MailId, TxFault> {
    let fresh: MailId = tx.id();
    let newest = tx.keys(&MAIL_BY_ID, Scan::all().backward().limit(1))?;
    Ok(match newest.first() {
        Some(newest) if *newest >= fresh => MailId::from(Uuid::from_u128(newest.uuid().as_u128() + 1)),
        Some(_) | None => fresh,
    })
}

/// Adds a mail, replacing one of the same delivery, and removes mails beyond the bounds.
pub fn put(tx: &mut Tx<'_>, mail: &InboxMail, keeping: Keeping) -> Result<(), TxFault> {
    if let Some(before) = tx.get(&MAIL_ID_BY_DELIVERY, &mail.delivery)?
        && let Some(before) = tx.get(&MAIL_BY_ID, &before)?
    {
        remove(tx, &before)?;
    }
    tx.put(&MAIL_BY_ID, &mail.id, mail)?;
    tx.put(&MAIL_ID_BY_DELIVERY, &mail.delivery, &mail.id)?;
    tx.put(&MAIL_BY_RECIPIENT, &recipient(mail), &Present)?;
    remove_old(tx, keeping)?;
    Ok(())
}

fn recipient(mail: &InboxMail) -> (String, MailId) {
    (mail.to.to_ascii_lowercase(), mail.id)
}

fn remove(tx: &mut Tx<'_>, mail: &InboxMail) -> Result<(), TxFault> {
    tx.delete(&MAIL_BY_ID, &mail.id)?;
    tx.delete(&MAIL_ID_BY_DELIVERY, &mail.delivery)?;
    tx.delete(&MAIL_BY_RECIPIENT, &recipient(mail))
}

/// The number of mails, counted to a little above the bound.
fn count(reader: &impl Reader) -> Result<usize, TxFault> {
    let first = reader.keys(&MAIL_BY_ID, Scan::all())?;
    let Some(last) = first.last().filter(|_| first.len() == limits::SCAN_MAX) else { return Ok(first.len()) };
    Ok(first.len() + reader.keys(&MAIL_BY_ID, Scan::all().after(last).limit(limits::INBOX_REMOVED_AT_ONCE))?.len())
}

/// Removes the oldest mails beyond the bounds, a few at a time; returns their number.
pub fn remove_old(tx: &mut Tx<'_>, keeping: Keeping) -> Result<usize, TxFault> {
    let rows = keeping.rows.min(limits::INBOX_MAX);
    let count = count(tx)?;
    let mut removed = 0;
    for (_, mail) in tx.scan(&MAIL_BY_ID, Scan::all().limit(limits::INBOX_REMOVED_AT_ONCE))? {
        if mail.created_at >= keeping.since && count - removed <= rows {
            break;
        }
        remove(tx, &mail)?;
        removed += 1;
    }
    Ok(removed)
}

/// Removes mails of any age, a batch at a time, and returns their number. Called until it returns 0 when the program no
/// longer runs in development.
pub fn remove_all(tx: &mut Tx<'_>) -> Result<usize, TxFault> {
    let all = tx.scan(&MAIL_BY_ID, Scan::all().limit(limits::PAGE_MAX))?;
    for (_, mail) in &all {
        remove(tx, mail)?;
    }
    Ok(all.len())
}

/// The mail of an id.
pub fn find(reader: &impl Reader, id: MailId) -> Result<Option<InboxMail>, TxFault> {
    reader.get(&MAIL_BY_ID, &id)
}

/// The mails that `select` selects, newest first, at most `limit`.
pub fn newest(reader: &impl Reader, select: &MailSelector, limit: usize) -> Result<Vec<InboxMail>, TxFault> {
    let is_newer = |id: &MailId| select.after.is_none_or(|after| *id > after);
    let Some(to) = &select.to else {
        let scan = Scan::all().backward().limit(limit);
        let rows = reader.scan(&MAIL_BY_ID, select.before.iter().fold(scan, Scan::after))?;
        return Ok(rows.into_iter().take_while(|(id, _)| is_newer(id)).map(|(_, mail)| mail).collect());
    };
    let to = to.to_ascii_lowercase();
    let scan = Scan::prefix(&(to.clone(),)).backward().limit(limit);
    let scan = select.before.iter().fold(scan, |scan, before| scan.after(&(to.clone(), *before)));
    let mut mails = Vec::new();
    for (_, id) in reader.keys(&MAIL_BY_RECIPIENT, scan)?.into_iter().take_while(|(_, id)| is_newer(id)) {
        mails.extend(reader.get(&MAIL_BY_ID, &id)?);
    }
    Ok(mails)
}
