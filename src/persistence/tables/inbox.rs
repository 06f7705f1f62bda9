//! The development inbox: mails that were not sent, by the address they were for.

use std::time::Duration;

use crate::{
    domain::notification::InboxMail,
    persistence::{
        reader::{Reader, TxFault},
        record::Record,
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::{
        id::{DeliveryId, MailId},
        limits,
    },
};

/// The mails, sealed.
pub static INBOX_MAIL_BY_ID: Table<MailId, InboxMail> = Table::sealed(0x1a, "inbox_mail_by_id", "24 h, 1,000 at most");
/// Which mail a delivery became.
pub static INBOX_MAIL_ID_BY_DELIVERY: Table<DeliveryId, MailId> =
    Table::new(0x1b, "inbox_mail_id_by_delivery", "as inbox_mail_by_id");

const KEPT: Duration = Duration::from_secs(24 * 3_600);

impl Record for InboxMail {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "inbox_mail";
}

/// Adds a mail; one of the same delivery is replaced, and the oldest make room.
pub fn insert(tx: &mut Tx<'_>, mail: &InboxMail) -> Result<(), TxFault> {
    if let Some(earlier) = tx.get(&INBOX_MAIL_ID_BY_DELIVERY, &mail.delivery)? {
        remove(tx, earlier)?;
    }
    let ids = tx.keys(&INBOX_MAIL_BY_ID, Scan::all())?;
    for id in ids.iter().take((ids.len() + 1).saturating_sub(limits::SCAN_MAX)) {
        remove(tx, *id)?;
    }
    tx.put(&INBOX_MAIL_BY_ID, &mail.id, mail)?;
    tx.put(&INBOX_MAIL_ID_BY_DELIVERY, &mail.delivery, &mail.id)
}

/// The mail of an id.
pub fn find(reader: &impl Reader, id: MailId) -> Result<Option<InboxMail>, TxFault> {
    reader.get(&INBOX_MAIL_BY_ID, &id)
}

/// All mails, newest first.
pub fn all(reader: &impl Reader) -> Result<Vec<InboxMail>, TxFault> {
    Ok(reader.scan(&INBOX_MAIL_BY_ID, Scan::all().backward())?.into_iter().map(|(_, mail)| mail).collect())
}

/// Removes a mail; nothing happens if there is none.
pub fn remove(tx: &mut Tx<'_>, id: MailId) -> Result<(), TxFault> {
    let Some(mail) = find(tx, id)? else { return Ok(()) };
    tx.delete(&INBOX_MAIL_ID_BY_DELIVERY, &mail.delivery)?;
    tx.delete(&INBOX_MAIL_BY_ID, &id)
}

/// Removes all mails: production starts with an empty inbox.
pub fn clear(tx: &mut Tx<'_>) -> Result<(), TxFault> {
    for id in tx.keys(&INBOX_MAIL_BY_ID, Scan::all())? {
        remove(tx, id)?;
    }
    Ok(())
}

/// Removes at most `limit` mails older than 24 h, and says how many it were.
pub fn remove_old(tx: &mut Tx<'_>, limit: usize) -> Result<usize, TxFault> {
    let before = tx.now().minus(KEPT);
    let oldest = tx.scan(&INBOX_MAIL_BY_ID, Scan::all().limit(limit))?;
    let old: Vec<MailId> =
        oldest.into_iter().take_while(|(_, mail)| mail.created_at < before).map(|(id, _)| id).collect();
    for id in &old {
        remove(tx, *id)?;
    }
    Ok(old.len())
}
