//! The effect of the right code for an address, in the transaction that accepts the code: the registration becomes a
//! user, or the user's address becomes verified.

use super::{
    take_over,
    writes::{end_other_sessions, keep_place_of, record_proof, retire_registrations_of, settle_proof},
};
use crate::{
    actors::{
        otp::{Effect, EffectRefused},
        user::writes::drop_invitation_of,
    },
    crypto::identifier::IdentifierKey,
    domain::{
        auth::{AddressState, Registration, SessionEnd},
        otp::{CodePurpose, CodeStage},
        user::{Metadata, Profile, Status, User, transition},
    },
    persistence::{
        Decision, Reader, Tx, TxFault, refuse,
        tables::{code, registration, user},
    },
    types::{
        EmailAddress, Role, Roles, Timestamp,
        id::{SessionId, UserId},
    },
};

/// The effect of the right code of `owner`, a registration or a user. `prover` is the session that sends the code, if
/// any; the user's other sessions end, because another person may have registered the address.
pub(super) fn verify_email(key: &IdentifierKey, owner: UserId, prover: Option<SessionId>) -> Effect {
    let key = key.clone();
    Effect::new("verify_email", move |tx| activate(tx, &key, owner, prover))
}

fn activate(
    tx: &mut Tx<'_>,
    key: &IdentifierKey,
    owner: UserId,
    prover: Option<SessionId>,
) -> Decision<(), EffectRefused> {
    if let Some(registered) = registration::find(tx, owner)? {
        let made = user_of(registered, tx.now());
        return become_user(tx, key, made);
    }
    let waiting = user::find(tx, owner)?.filter(|user| !user.email_verified);
    let Some(waiting) = waiting else { return refuse(EffectRefused) };
    let proven = transition::with_proven_address(waiting, tx.now());
    user::replace(tx, &proven)?;
    end_other_sessions(tx, proven.id, prover, SessionEnd::AddressVerified)?;
    settle_proof(tx, &proven)?;
    Ok(())
}

/// Stores `made` in place of its registration, and ends all others of the address. Refused if the registration can no
/// longer become a user, or another user has the user name.
fn become_user(tx: &mut Tx<'_>, key: &IdentifierKey, made: User) -> Decision<(), EffectRefused> {
    let registered = provable(tx, made.id)?;
    if let Some(holder) = unproven_holder(tx, &registered)? {
        take_over::run(tx, key, registered, (holder, made))?;
        return Ok(());
    }
    registration::remove(tx, registered.id)?;
    retire_registrations_of(tx, &registered.email)?;
    keep_place_of(tx, &registered)?;
    insert_proven(tx, &made)
}

/// The user of the address of registration `id`, after a password reset with the hash `password`. The user has the
/// address alone, without what was typed at the registration, and an id of its own: the registration stays as it was
/// for the client that made it, which may be another person's, but becomes no user. Refused if the registration can no
/// longer become a user.
pub(super) fn become_user_of_address(
    tx: &mut Tx<'_>,
    key: &IdentifierKey,
    (id, password): (UserId, &str),
) -> Decision<User, EffectRefused> {
    let (registered, now) = (provable(tx, id)?, tx.now());
    let made = User {
        id: tx.id(),
        profile: Profile::default(),
        password_hash: Some(password.to_owned()),
        password_changed_at: Some(now),
        created_at: now,
        ..user_of(registered.clone(), now)
    };
    if let Some(holder) = unproven_holder(tx, &registered)? {
        return take_over::run(tx, key, registered, (holder, made));
    }
    retire_registrations_of(tx, &registered.email)?;
    insert_proven(tx, &made)?;
    Ok(made)
}

/// The registration of this id, if it can become a user.
fn provable(tx: &Tx<'_>, id: UserId) -> Decision<Registration, EffectRefused> {
    match registration::find(tx, id)? {
        Some(found) if found.is_live(tx.now()) && found.address == AddressState::Free => Ok(found),
        Some(_) | None => refuse(EffectRefused),
    }
}

/// The user who has the address of a registration without a proof, and to whom the proof belongs; ends the invitation
/// of the address. Refused if a user has proven the address.
fn unproven_holder(tx: &mut Tx<'_>, registered: &Registration) -> Decision<Option<User>, EffectRefused> {
    let holder = user::find_by_email(tx, &registered.email)?;
    if holder.as_ref().is_some_and(|holder| holder.email_verified) {
        return refuse(EffectRefused);
    }
    drop_invitation_of(tx, &registered.email)?;
    Ok(holder)
}

fn insert_proven(tx: &mut Tx<'_>, made: &User) -> Decision<(), EffectRefused> {
    user::insert(tx, made).map_err(|stop| stop.map_refusal(|_| EffectRefused))?;
    record_proof(tx, made)?;
    Ok(())
}

/// The user that a registration became: the one with its id, or the one that has its address with a proof.
pub(super) fn came_to_be(reader: &impl Reader, owner: UserId) -> Result<Option<User>, TxFault> {
    if let Some(user) = user::find(reader, owner)? {
        return Ok(Some(user));
    }
    let Some(registered) = registration::find(reader, owner)? else { return Ok(None) };
    Ok(user::find_by_email(reader, &registered.email)?.filter(|user| user.email_verified))
}

/// The owner of the code that a try with only the address names: `present`, who has the address now or, if a code of a
/// registration of the address has just made that user, the registration, so that a repeated try finds the used code.
pub(super) fn owner_of_used_code(
    reader: &impl Reader,
    (present, purpose): (UserId, CodePurpose),
    email: &EmailAddress,
    now: Timestamp,
) -> Result<UserId, TxFault> {
    if code::find(reader, present, purpose)?.is_some() {
        return Ok(present);
    }
    for earlier in registration::of_email(reader, email)? {
        let used = code::find(reader, earlier.id, purpose)?;
        if used.is_some_and(|code| code.state == CodeStage::Used && now < code.expires_at) {
            return Ok(earlier.id);
        }
    }
    Ok(present)
}

/// The user that a registration becomes.
pub(super) fn user_of(registered: Registration, now: Timestamp) -> User {
    User {
        id: registered.id,
        email: registered.email,
        email_verified: true,
        profile: registered.profile,
        phone_verified: false,
        roles: Roles::from(vec![Role::User]),
        status: Status::Active,
        metadata: Metadata::default(),
        app_metadata: Metadata::default(),
        expires_at: None,
        password_hash: Some(registered.password_hash),
        password_changed_at: Some(registered.created_at),
        first_login_at: None,
        created_at: registered.created_at,
        updated_at: now,
        version: 1,
    }
}
