//! Registrations, by address, by reserved user name, and by end.

use crate::{
    domain::auth::Registration,
    persistence::machinery::{
        links::{LinkedRows, StoredRow},
        reader::{ByteReader, Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::{EmailAddress, Page, PageLimit, Timestamp, UserName, id::UserId, limits},
};

/// The records.
pub static REGISTRATION_BY_ID: Table<UserId, Registration> = Table::new(0x05, "registration_by_id", "24 h");
/// The registrations of an address, by its normal form.
pub static REGISTRATION_BY_EMAIL: Table<(String, UserId), Present> =
    Table::new(0x06, "registration_by_email", "as registration_by_id");
/// The registrations that reserve a user name.
pub static REGISTRATION_BY_USERNAME: Table<(String, UserId), Present> =
    Table::new(0x07, "registration_by_username", "as registration_by_id");
/// Registrations by end.
pub static REGISTRATION_BY_END: Table<(Timestamp, UserId), Present> =
    Table::new(0x08, "registration_by_end", "as registration_by_id");

impl Record for Registration {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "registration";
}

/// The index rows of a registration.
pub(super) fn links(reader: &dyn ByteReader, row: &StoredRow<'_>) -> Result<LinkedRows, TxFault> {
    let (id, registration) = row.decode(reader, &REGISTRATION_BY_ID)?;
    let linked = LinkedRows::default()
        .with(&REGISTRATION_BY_EMAIL, &(registration.email.normal(), id))
        .with(&REGISTRATION_BY_END, &(registration.expires_at, id));
    Ok(match &registration.profile.username {
        Some(username) => linked.with(&REGISTRATION_BY_USERNAME, &(username.as_str().to_owned(), id)),
        None => linked,
    })
}

/// The registration of an id; it may have ended.
pub fn find(reader: &impl Reader, id: UserId) -> Result<Option<Registration>, TxFault> {
    reader.get(&REGISTRATION_BY_ID, &id)
}

/// The registrations of an address, oldest first; some may have ended.
pub fn of_email(reader: &impl Reader, email: &EmailAddress) -> Result<Vec<Registration>, TxFault> {
    named(reader, &REGISTRATION_BY_EMAIL, email.normal())
}

/// The registrations that reserve a user name, oldest first; some may have ended.
pub fn of_username(reader: &impl Reader, username: &UserName) -> Result<Vec<Registration>, TxFault> {
    named(reader, &REGISTRATION_BY_USERNAME, username.as_str().to_owned())
}

fn named(
    reader: &impl Reader,
    index: &Table<(String, UserId), Present>,
    name: String,
) -> Result<Vec<Registration>, TxFault> {
    let mut found = Vec::new();
    for (_, id) in reader.keys(index, Scan::prefix(&(name,)))? {
        found.extend(find(reader, id)?);
    }
    Ok(found)
}

/// The registrations that a code can turn into users at `now`, newest first, of one address or of all. Others leave no
/// trace in the pages. Reads at most `limits::SCAN_MAX`: a page may hold fewer rows than `limit` and still name the
/// place to continue.
pub fn page(
    reader: &impl Reader,
    (email, now): (Option<&EmailAddress>, Timestamp),
    after: Option<UserId>,
    limit: PageLimit,
) -> Result<Page<Registration, UserId>, TxFault> {
    let scanned = match email {
        Some(email) => {
            let mut found = of_email(reader, email)?;
            found.sort_by_key(|one| std::cmp::Reverse(one.id));
            found.retain(|one| after.is_none_or(|after| one.id < after));
            found
        }
        None => {
            let scan = Scan::all().backward().limit(limits::SCAN_MAX);
            let found = reader.scan(&REGISTRATION_BY_ID, after.iter().fold(scan, Scan::after))?;
            found.into_iter().map(|(_, one)| one).collect()
        }
    };
    let rest = scanned.last().filter(|_| scanned.len() == limits::SCAN_MAX).map(|one| one.id);
    let mut rows: Vec<Registration> = scanned.into_iter().filter(|one| one.is_verifiable(now)).collect();
    let more = rows.len() > limit.rows();
    rows.truncate(limit.rows());
    let next = if more { rows.last().map(|one| one.id) } else { rest };
    Ok(Page { rows, next })
}

/// The ids of registrations that have ended at `now`, earliest first, at most `limit`.
pub fn ended(reader: &impl Reader, now: Timestamp, limit: usize) -> Result<Vec<UserId>, TxFault> {
    let scan = Scan::below(&super::end_of(now)).limit(limit);
    Ok(reader.keys(&REGISTRATION_BY_END, scan)?.into_iter().map(|(_, id)| id).collect())
}

/// Adds a registration.
pub fn insert(tx: &mut Tx<'_>, registration: &Registration) -> Result<(), TxFault> {
    let id = registration.id;
    tx.put(&REGISTRATION_BY_ID, &id, registration)?;
    tx.put(&REGISTRATION_BY_EMAIL, &(registration.email.normal(), id), &Present)?;
    if let Some(username) = &registration.profile.username {
        tx.put(&REGISTRATION_BY_USERNAME, &(username.as_str().to_owned(), id), &Present)?;
    }
    tx.put(&REGISTRATION_BY_END, &(registration.expires_at, id), &Present)
}

/// Removes a registration, if there is one.
pub fn remove(tx: &mut Tx<'_>, id: UserId) -> Result<(), TxFault> {
    let Some(before) = find(tx, id)? else { return Ok(()) };
    tx.delete(&REGISTRATION_BY_EMAIL, &(before.email.normal(), id))?;
    if let Some(username) = &before.profile.username {
        tx.delete(&REGISTRATION_BY_USERNAME, &(username.as_str().to_owned(), id))?;
    }
    tx.delete(&REGISTRATION_BY_END, &(before.expires_at, id))?;
    tx.delete(&REGISTRATION_BY_ID, &id)
}
