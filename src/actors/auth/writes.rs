//! Writes that several commands share: the start and end of sessions, the end of registrations, the proof of addresses.
//!
//! Each function writes the records of one change with its event, and with its audit entry if the change has its own.
//! They call the `writes` of users and of no service above.

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
            lockout::{RateOrigin, Subject},
            refresh::RefreshState,
        },
        event::{Event, Personal},
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

/// Removes a session as part of a change whose audit entry states the reason, and emits the end.
pub(crate) fn end_session(tx: &mut Tx<'_>, ended: &Session, reason: SessionEnd) -> Result<(), TxFault> {
    session::remove(tx, ended.id)?;
    let personal = Personal::of_call(tx.context());
    tx.emit(Event { personal, ..session_ended(ended, reason) })?;
    Ok(())
}

/// Removes a session as a change of its own with the audit entry `entry`.
pub(crate) fn end_one_session(
    tx: &mut Tx<'_>,
    ended: &Session,
    reason: SessionEnd,
    entry: AuditRecord,
) -> Result<(), TxFault> {
    session::remove(tx, ended.id)?;
    tx.record(session_ended(ended, reason), entry)?;
    Ok(())
}

/// Ends the sessions of a user except `kept`, as part of a change whose audit entry states the reason.
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

/// Ends all sessions of a user as part of a change whose audit entry states the reason; returns their number.
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

/// Opens a session after a check of the password. If the user has too many, the least recently used one ends.
/// `record_login` writes the event and the entry.
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

/// The facts of a login for its event and entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CompletedLogin {
    pub(crate) session: SessionId,
    /// Whether it is the user's first login.
    pub(crate) first: bool,
    /// Whether the device has no valid device token.
    pub(crate) new_device: bool,
}

/// Emits and audits a login.
pub(crate) fn record_login(tx: &mut Tx<'_>, user: &User, login: CompletedLogin) -> Result<(), TxFault> {
    let CompletedLogin { session, first: first_login, new_device } = login;
    let event = Event {
        subject: user.id,
        kind: UserLoggedIn { user: user.id, session, first_login, new_device }.into(),
        personal: Personal { email: Some(user.email.as_str().to_owned()), ..Personal::default() },
    };
    let entry = AuditRecord::done(AuthAction::Login, user.id).detail(format!("session={session}"));
    tx.record(event, entry)?;
    Ok(())
}

/// Clears the failed logins of a user and of the user's identifiers.
pub(crate) fn forget_failures(tx: &mut Tx<'_>, of: &User, key: &IdentifierKey) -> Result<(), TxFault> {
    let subjects = identifiers::all_of(key, of).into_iter().chain([Subject::User(of.id)]);
    subjects.into_iter().try_for_each(|subject| failure::clear(tx, subject))
}

/// Clears the failed logins of a user who has proven the address: those of the user and, of the identifiers, those of
/// the day and of the prover's network. An identifier stays locked out for other networks that tried it too often,
/// because the end of that lockout would reveal to them that the identifier is a user's.
pub(crate) fn forget_failures_of_prover(tx: &mut Tx<'_>, of: &User, key: &IdentifierKey) -> Result<(), TxFault> {
    failure::clear(tx, Subject::User(of.id))?;
    let origin = RateOrigin::Network(tx.context().network());
    identifiers::all_of(key, of).into_iter().try_for_each(|named| failure::forget_origin(tx, named, origin))
}

/// Removes a registration with its codes, and erases its personal fields. No event is written, because it is not a
/// user.
pub(crate) fn drop_registration(tx: &mut Tx<'_>, removed: &Registration) -> Result<(), TxFault> {
    registration::remove(tx, removed.id)?;
    code::remove_all(tx, removed.id)?;
    persons::erase(tx, removed.id)
}

/// Ends the registrations of an address that a user has proven: no code can turn them into users. They count and
/// reserve their user names until they expire, like those of a taken address, so that the answer to another
/// registration does not reveal that a user has the address.
pub(crate) fn retire_registrations_of(tx: &mut Tx<'_>, email: &EmailAddress) -> Result<(), TxFault> {
    for found in registration::of_email(tx, email)? {
        retire_registration(tx, found)?;
    }
    Ok(())
}

/// Ends one registration, as `retire_registrations_of` does.
pub(crate) fn retire_registration(tx: &mut Tx<'_>, found: Registration) -> Result<(), TxFault> {
    registration::remove(tx, found.id)?;
    registration::insert(tx, &Registration { address: AddressState::Taken, ..found })
}

/// Stores a placeholder for a registration that became a user, which counts until the registration's expiry.
pub(crate) fn keep_place_of(tx: &mut Tx<'_>, became: &Registration) -> Result<(), TxFault> {
    let (id, profile, password_hash) = (tx.id(), Profile::default(), String::new());
    let place = Registration { id, address: AddressState::Taken, profile, password_hash, ..became.clone() };
    registration::insert(tx, &place)
}

/// Ends the registrations and the invitation of the address that the stored user `proven` has proven; emits and audits
/// the proof.
pub(crate) fn settle_proof(tx: &mut Tx<'_>, proven: &User) -> Result<(), TxFault> {
    retire_registrations_of(tx, &proven.email)?;
    drop_invitation_of(tx, &proven.email)?;
    record_proof(tx, proven)
}

/// Emits and audits the proof of a user's address.
pub(crate) fn record_proof(tx: &mut Tx<'_>, proven: &User) -> Result<(), TxFault> {
    let event = Event {
        subject: proven.id,
        kind: UserVerified { user: proven.id }.into(),
        personal: Personal { email: Some(proven.email.as_str().to_owned()), ..Personal::of_profile(&proven.profile) },
    };
    tx.record(event, AuditRecord::done(AuthAction::VerifyEmail, proven.id))?;
    Ok(())
}
