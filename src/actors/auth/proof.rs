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
        user::{Metadata, Status, User, transition},
    },
    persistence::{
        Decision, Tx, refuse,
        tables::{registration, user},
    },
    types::{
        Role, Roles, Timestamp,
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
pub(super) fn become_user(tx: &mut Tx<'_>, key: &IdentifierKey, made: User) -> Decision<(), EffectRefused> {
    let Some(registered) = registration::find(tx, made.id)? else { return refuse(EffectRefused) };
    if !registered.is_live(tx.now()) || registered.address != AddressState::Free {
        return refuse(EffectRefused);
    }
    let holder = user::find_by_email(tx, &registered.email)?;
    if holder.as_ref().is_none_or(|holder| !holder.email_verified) {
        drop_invitation_of(tx, &registered.email)?;
    }
    match holder {
        Some(holder) if holder.email_verified => return refuse(EffectRefused),
        Some(holder) => return take_over::run(tx, key, registered, (holder, made)),
        None => {}
    }
    registration::remove(tx, registered.id)?;
    retire_registrations_of(tx, &registered.email)?;
    keep_place_of(tx, &registered)?;
    user::insert(tx, &made).map_err(|stop| stop.map_refusal(|_| EffectRefused))?;
    record_proof(tx, &made)?;
    Ok(())
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
