//! Users, unique by the normal form of the address and by the user name.

use crate::{
    domain::user::{User, UserFilter},
    persistence::machinery::{
        decision::{Decision, refuse},
        links::{LinkedRows, StoredRow},
        reader::{ByteReader, Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    types::{EmailAddress, Page, PageLimit, Role, UserName, id::UserId, limits},
};

/// The records.
pub static USER_BY_ID: Table<UserId, User> = Table::new(0x01, "user_by_id", "until deleted");
/// The user of an address, by its normal form.
pub static USER_ID_BY_EMAIL: Table<String, UserId> = Table::new(0x02, "user_id_by_email", "as user_by_id");
/// The user of a user name.
pub static USER_ID_BY_USERNAME: Table<String, UserId> = Table::new(0x03, "user_id_by_username", "as user_by_id");
/// Users with a role other than `user`.
pub static USER_BY_ROLE: Table<(u8, UserId), Present> = Table::new(0x04, "user_by_role", "as user_by_id");

impl Record for User {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "user";
}

/// The index rows of a user.
pub(super) fn links(reader: &dyn ByteReader, row: &StoredRow<'_>) -> Result<LinkedRows, TxFault> {
    let (id, user) = row.decode(reader, &USER_BY_ID)?;
    let mut linked = LinkedRows::default().with(&USER_ID_BY_EMAIL, &user.email.normal());
    if let Some(username) = &user.profile.username {
        linked = linked.with(&USER_ID_BY_USERNAME, &username.as_str().to_owned());
    }
    let roles = user.roles.iter().filter(|role| *role != Role::User);
    Ok(roles.fold(linked, |linked, role| linked.with(&USER_BY_ROLE, &(role_byte(role), id))))
}

/// The identifier that another user has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenIdentifier {
    Email,
    UserName,
}

/// The user of an id.
pub fn find(reader: &impl Reader, id: UserId) -> Result<Option<User>, TxFault> {
    reader.get(&USER_BY_ID, &id)
}

/// The user of an address.
pub fn find_by_email(reader: &impl Reader, email: &EmailAddress) -> Result<Option<User>, TxFault> {
    match reader.get(&USER_ID_BY_EMAIL, &email.normal())? {
        Some(id) => find(reader, id),
        None => Ok(None),
    }
}

/// The user of a user name.
pub fn find_by_username(reader: &impl Reader, username: &UserName) -> Result<Option<User>, TxFault> {
    match reader.get(&USER_ID_BY_USERNAME, &username.as_str().to_owned())? {
        Some(id) => find(reader, id),
        None => Ok(None),
    }
}

/// Password hashes of the first users and of the newest ones, at most `most` of each.
pub fn some_password_hashes(reader: &impl Reader, most: usize) -> Result<Vec<String>, TxFault> {
    let (first, newest) = (Scan::all().limit(most), Scan::all().backward().limit(most));
    let rows = reader.scan(&USER_BY_ID, first)?.into_iter().chain(reader.scan(&USER_BY_ID, newest)?);
    Ok(rows.filter_map(|(_, user)| user.password_hash).collect())
}

/// The users that a filter admits, newest first. Reads at most `limits::SCAN_MAX` of them: a page may hold fewer rows
/// than `limit` and still name the place to continue.
pub fn page(
    reader: &impl Reader,
    filter: &UserFilter,
    after: Option<UserId>,
    limit: PageLimit,
) -> Result<Page<User, UserId>, TxFault> {
    if let Some(email) = &filter.email {
        let found = find_by_email(reader, email)?.filter(|user| after.is_none() && filter.shows(user));
        return Ok(Page { rows: found.into_iter().collect(), next: None });
    }
    let narrows = filter.role.is_some() || filter.status.is_some();
    let most = if narrows { limits::SCAN_MAX } else { limit.rows() + 1 };
    let candidates = match filter.role {
        Some(role) if role != Role::User => holders_after(reader, role, after, most)?,
        Some(_) | None => ids_after(reader, after, most)?,
    };
    let mut rows = Vec::new();
    for id in &candidates {
        rows.extend(find(reader, *id)?.filter(|user| filter.shows(user)));
        if rows.len() == limit.rows() {
            let more = candidates.last() != Some(id) || candidates.len() == most;
            return Ok(Page { rows, next: more.then_some(*id) });
        }
    }
    let next = candidates.last().filter(|_| candidates.len() == most);
    Ok(Page { rows, next: next.copied() })
}

fn ids_after(reader: &impl Reader, after: Option<UserId>, most: usize) -> Result<Vec<UserId>, TxFault> {
    let scan = Scan::all().backward().limit(most);
    reader.keys(&USER_BY_ID, after.iter().fold(scan, Scan::after))
}

fn holders_after(reader: &impl Reader, role: Role, after: Option<UserId>, most: usize) -> Result<Vec<UserId>, TxFault> {
    let scan = Scan::prefix(&(role_byte(role),)).backward().limit(most);
    let scan = after.iter().fold(scan, |scan, id| scan.after(&(role_byte(role), *id)));
    Ok(reader.keys(&USER_BY_ROLE, scan)?.into_iter().map(|(_, id)| id).collect())
}

/// Users who hold `role`, which is not `user`, at most `limits::SCAN_MAX`, oldest first.
pub fn holders(reader: &impl Reader, role: Role) -> Result<Vec<User>, TxFault> {
    let mut holders = Vec::new();
    for (_, id) in reader.keys(&USER_BY_ROLE, Scan::prefix(&(role_byte(role),)))? {
        holders.extend(find(reader, id)?);
    }
    Ok(holders)
}

/// Adds a user; nothing is written if the address or the user name is taken.
pub fn insert(tx: &mut Tx<'_>, user: &User) -> Decision<(), TakenIdentifier> {
    if let Some(taken) = taken_by_another(tx, user)? {
        return refuse(taken);
    }
    write(tx, user)?;
    Ok(())
}

/// Replaces the user of the same id; nothing is written if another one has the address or the user name.
pub fn update(tx: &mut Tx<'_>, user: &User) -> Decision<(), TakenIdentifier> {
    if let Some(taken) = taken_by_another(tx, user)? {
        return refuse(taken);
    }
    remove_indexes(tx, user.id)?;
    write(tx, user)?;
    Ok(())
}

/// Replaces the user of the same id, for changes that touch neither address nor user name.
pub fn replace(tx: &mut Tx<'_>, user: &User) -> Result<(), TxFault> {
    remove_indexes(tx, user.id)?;
    write(tx, user)
}

/// Removes a user, if there is one.
pub fn remove(tx: &mut Tx<'_>, id: UserId) -> Result<(), TxFault> {
    remove_indexes(tx, id)?;
    tx.delete(&USER_BY_ID, &id)
}

fn taken_by_another(tx: &Tx<'_>, user: &User) -> Result<Option<TakenIdentifier>, TxFault> {
    let another = |owner: Option<UserId>| owner.is_some_and(|owner| owner != user.id);
    if another(tx.get(&USER_ID_BY_EMAIL, &user.email.normal())?) {
        return Ok(Some(TakenIdentifier::Email));
    }
    let Some(username) = &user.profile.username else { return Ok(None) };
    let taken = another(tx.get(&USER_ID_BY_USERNAME, &username.as_str().to_owned())?);
    Ok(taken.then_some(TakenIdentifier::UserName))
}

fn write(tx: &mut Tx<'_>, user: &User) -> Result<(), TxFault> {
    tx.put(&USER_BY_ID, &user.id, user)?;
    tx.put(&USER_ID_BY_EMAIL, &user.email.normal(), &user.id)?;
    if let Some(username) = &user.profile.username {
        tx.put(&USER_ID_BY_USERNAME, &username.as_str().to_owned(), &user.id)?;
    }
    for role in user.roles.iter().filter(|role| *role != Role::User) {
        tx.put(&USER_BY_ROLE, &(role_byte(role), user.id), &Present)?;
    }
    Ok(())
}

fn remove_indexes(tx: &mut Tx<'_>, id: UserId) -> Result<(), TxFault> {
    let Some(before) = find(tx, id)? else { return Ok(()) };
    tx.delete(&USER_ID_BY_EMAIL, &before.email.normal())?;
    if let Some(username) = &before.profile.username {
        tx.delete(&USER_ID_BY_USERNAME, &username.as_str().to_owned())?;
    }
    for role in before.roles.iter().filter(|role| *role != Role::User) {
        tx.delete(&USER_BY_ROLE, &(role_byte(role), id))?;
    }
    Ok(())
}

/// The byte in keys; never changes.
fn role_byte(role: Role) -> u8 {
    match role {
        Role::User => 0,
        Role::Support => 1,
        Role::Auditor => 2,
        Role::Admin => 3,
        Role::Service => 4,
    }
}
