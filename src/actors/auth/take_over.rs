//! A registration proves an address that a user holds who never proved it: the user becomes the owner's.
//!
//! Only where users sign in before they have proven their address (`auth.require_verified_email = false`). The reader
//! of the address gets the account, with the password and names of that registration; whatever its former holder could
//! sign in with ends. So registering another person's address first keeps no access to it.

use super::writes::{end_all_sessions, record_proof, retire_registrations_of};
use crate::{
    actors::otp::EffectRefused,
    domain::{
        audit::AuditRecord,
        auth::{Registration, SessionEnd, actions::AuthAction, lockout::Subject},
        user::{Metadata, User, transition},
    },
    persistence::{
        Decision, Tx,
        tables::{code, failure, user},
    },
};

/// Puts what `made`, the user of `registered`, says of itself into `holder`. Refused if the user name went to another.
pub(super) fn run(tx: &mut Tx<'_>, registered: Registration, holder: User, made: User) -> Decision<(), EffectRefused> {
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
    failure::clear(tx, Subject::User(taken.id))?;
    // That of the proof stays too, for as long as its code may be repeated.
    retire_registrations_of(tx, &registered.email)?;
    tx.audit(AuditRecord::done(AuthAction::ResetPassword, taken.id).detail("by=address_proof"))?;
    record_proof(tx, &taken)?;
    Ok(())
}
