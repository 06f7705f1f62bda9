//! A registration proves an address that a user holds without a proof: the user is transferred to the owner of the
//! address.
//!
//! This happens only if users can sign in before they have proven their address (`auth.require_verified_email =
//! false`). The user gets the password and names of the registration, and all sessions and codes of the former holder
//! end, so that the earlier registration of another person's address keeps no access.

use super::writes::{end_all_sessions, forget_failures_of_prover, record_proof, retire_registrations_of};
use crate::{
    actors::otp::EffectRefused,
    crypto::identifier::IdentifierKey,
    domain::{
        audit::AuditRecord,
        auth::{Registration, SessionEnd, actions::AuthAction},
        user::{Metadata, User, transition},
    },
    persistence::{
        Decision, Tx,
        tables::{code, user},
    },
};

/// Writes the fields of `made`, the user of `registered`, into `holder`, and returns the user. Refused if another user
/// has the user name.
pub(super) fn run(
    tx: &mut Tx<'_>,
    key: &IdentifierKey,
    registered: Registration,
    (holder, made): (User, User),
) -> Decision<User, EffectRefused> {
    let now = tx.now();
    let taken = User {
        email: made.email,
        profile: made.profile,
        phone_verified: false,
        metadata: Metadata::default(),
        password_hash: made.password_hash,
        password_changed_at: Some(now),
        ..transition::with_proven_address(holder, now)
    };
    user::update(tx, &taken).map_err(|stop| stop.map_refusal(|_| EffectRefused))?;
    end_all_sessions(tx, taken.id, SessionEnd::PasswordReset)?;
    code::remove_all(tx, taken.id)?;
    forget_failures_of_prover(tx, &taken, key)?;
    // The proving registration also stays, as long as its code may be repeated.
    retire_registrations_of(tx, &registered.email)?;
    tx.audit(AuditRecord::done(AuthAction::ResetPassword, taken.id).detail("by=address_proof"))?;
    record_proof(tx, &taken)?;
    Ok(taken)
}
