//! What several commands do inside a transaction: sessions that begin and end, registrations that go, addresses that
//! are proven.
//!
//! Functions over `Tx`. Each writes the records of one change with its event, and the audit entry where the change has
//! one of its own. They call the `writes` of users; those of no service above.

use super::identifiers;
use crate::{
    actors::user::writes::drop_invitation_of,
    config,
    crypto::identifier::IdentifierKey,
    domain::{
        audit::AuditRecord,
        auth::{
            AddressState, Registration, Session, SessionEnd,
            actions::AuthAction,
            events::{SessionReuseDetected, SessionRevoked, UserLoggedIn, UserLoggedOut},
            lockout::Subject,
            refresh::RefreshState,
        },
        event::{Event, EventOrigin, Personal},
        user::{Profile, User, events::UserVerified},
    },
    persistence::{
        Tx, TxFault, persons,
        tables::{code, failure, registration, session},
    },
    types::{
        EmailAddress,
        id::{SessionId, UserId},
    },
};

/// Removes a session as a part of a change whose audit entry says why, and emits that it ended.
pub(crate) fn end_session(tx: &mut Tx<'_>, ended: &Session, reason: SessionEnd) -> Result<(), TxFault> {
    session::remove(tx, ended.id)?;
    let personal = Personal::of_call(tx.context());
    tx.emit(Event { personal, ..session_ended(ended, reason) })?;
    Ok(())
}

/// Removes a session as a change of its own, which `entry` describes.
pub(crate) fn end_one_session(
    tx: &mut Tx<'_>,
    ended: &Session,
    reason: SessionEnd,
    entry: AuditRecord,
) -> Result<(), TxFault> {
    session::remove(tx, ended.id)?;
    tx.record(EventOrigin::Call, session_ended(ended, reason), entry)?;
    Ok(())
}

/// Ends the sessions of a user but `kept` as a part of a change whose audit entry says why.
pub(crate) fn end_other_sessions(
    tx: &mut Tx<'_>,
    user: UserId,
    kept: Option<SessionId>,
    reason: SessionEnd,
) -> Result<(), TxFault> {
    for ended in session::of_user(tx, user)?.iter().filter(|held| Some(held.id) != kept) {
        end_session(tx, ended, reason)?;
    }
    Ok(())
}

/// Ends every session of a user as a part of a change whose audit entry says why; gives how many there were.
pub(crate) fn end_all_sessions(tx: &mut Tx<'_>, user: UserId, reason: SessionEnd) -> Result<usize, TxFault> {
    let held = session::of_user(tx, user)?;
    for ended in &held {
        end_session(tx, ended, reason)?;
    }
    Ok(held.len())
}

fn session_ended(ended: &Session, reason: SessionEnd) -> Event {
    let (user, session) = (ended.user, ended.id);
    let kind = match reason {
        SessionEnd::LoggedOut => UserLoggedOut { user, session }.into(),
        SessionEnd::ReuseDetected => SessionReuseDetected { user, session }.into(),
        SessionEnd::LoggedOutEverywhere
        | SessionEnd::PasswordChanged
        | SessionEnd::PasswordReset
        | SessionEnd::Administrator
        | SessionEnd::Displaced
        | SessionEnd::UserDeleted
        | SessionEnd::AddressVerified => SessionRevoked { user, session, reason }.into(),
    };
    Event { subject: user, kind, personal: Personal::default() }
}

/// Makes a session that a password began; the one unused for longest makes room when there are too many. What it
/// leads to is recorded by `record_login`.
pub(crate) fn open_session(
    tx: &mut Tx<'_>,
    owner: &User,
    settings: &config::SessionConfig,
    device_name: Option<String>,
) -> Result<Session, TxFault> {
    let mut others = session::of_user(tx, owner.id)?;
    others.sort_by_key(|other| other.last_used_at);
    let surplus = (others.len() + 1).saturating_sub(settings.most());
    for displaced in others.iter().take(surplus) {
        end_session(tx, displaced, SessionEnd::Displaced)?;
    }
    let now = tx.now();
    let opened = Session {
        id: tx.id::<SessionId>(),
        user: owner.id,
        seed: tx.random(),
        refresh: RefreshState::begin(now),
        device_name,
        user_agent: tx.context().user_agent.clone(),
        ip_address: tx.context().client.map(|address| address.to_canonical().to_string()),
        auth_time: now,
        amr: vec!["pwd".to_owned()],
        created_at: now,
        last_used_at: now,
        idle_until: now.plus(settings.sliding),
        ends_at: now.plus(settings.absolute),
    };
    session::insert(tx, &opened)?;
    Ok(opened)
}

/// What is recorded of a login.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CompletedLogin {
    /// The session it began.
    pub(crate) session: SessionId,
    /// Whether the user had never signed in before.
    pub(crate) first: bool,
    /// Whether the device was not known.
    pub(crate) new_device: bool,
}

/// Emits and audits that a user signed in.
pub(crate) fn record_login(tx: &mut Tx<'_>, user: &User, login: CompletedLogin) -> Result<(), TxFault> {
    let CompletedLogin { session, first: first_login, new_device } = login;
    let event = Event {
        subject: user.id,
        kind: UserLoggedIn { user: user.id, session, first_login, new_device }.into(),
        personal: Personal { email: Some(user.email.as_str().to_owned()), ..Personal::default() },
    };
    let entry = AuditRecord::done(AuthAction::Login, user.id).detail(format!("session={session}"));
    tx.record(EventOrigin::Call, event, entry)?;
    Ok(())
}

/// Forgets the failed logins of a user, also those of the user's identifiers.
pub(crate) fn forget_failures(tx: &mut Tx<'_>, of: &User, key: &IdentifierKey) -> Result<(), TxFault> {
    let subjects = identifiers::all_of(key, of).into_iter().chain([Subject::User(of.id)]);
    subjects.into_iter().try_for_each(|subject| failure::clear(tx, subject))
}

/// Removes a registration with its codes and its person's key. It emits nothing: it is about no user.
pub(crate) fn drop_registration(tx: &mut Tx<'_>, gone: &Registration) -> Result<(), TxFault> {
    registration::remove(tx, gone.id)?;
    code::remove_all(tx, gone.id)?;
    persons::erase(tx, gone.id)
}

/// Ends the registrations of an address whose owner is a user now: no code can turn them into users. They keep their
/// places and user names until their time is over, as those of an address that was taken before, so that the answer to
/// another registration does not reveal that the address became a user's.
pub(crate) fn retire_registrations_of(tx: &mut Tx<'_>, email: &EmailAddress) -> Result<(), TxFault> {
    for found in registration::of_email(tx, email)? {
        retire_registration(tx, found)?;
    }
    Ok(())
}

/// Ends one of them, as `retire_registrations_of` does.
pub(crate) fn retire_registration(tx: &mut Tx<'_>, found: Registration) -> Result<(), TxFault> {
    registration::remove(tx, found.id)?;
    registration::insert(tx, &Registration { address: AddressState::Taken, ..found })
}

/// Keeps the place of a registration that became a user, until its time is over.
pub(crate) fn keep_place_of(tx: &mut Tx<'_>, became: &Registration) -> Result<(), TxFault> {
    let (id, profile, password_hash) = (tx.id(), Profile::default(), String::new());
    let place = Registration { id, address: AddressState::Taken, profile, password_hash, ..became.clone() };
    registration::insert(tx, &place)
}

/// Ends whatever else waits for an address that `proven`, who is stored already, has proven; emits and audits the
/// proof.
pub(crate) fn settle_proof(tx: &mut Tx<'_>, proven: &User) -> Result<(), TxFault> {
    retire_registrations_of(tx, &proven.email)?;
    drop_invitation_of(tx, &proven.email)?;
    record_proof(tx, proven)
}

/// Emits and audits that a user's address is proven.
pub(crate) fn record_proof(tx: &mut Tx<'_>, proven: &User) -> Result<(), TxFault> {
    let event = Event {
        subject: proven.id,
        kind: UserVerified { user: proven.id }.into(),
        personal: Personal { email: Some(proven.email.as_str().to_owned()), ..Personal::of_profile(&proven.profile) },
    };
    tx.record(EventOrigin::Call, event, AuditRecord::done(AuthAction::VerifyEmail, proven.id))?;
    Ok(())
}
