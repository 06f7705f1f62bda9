//! A registration proves an address that a user holds who never proved it: the user becomes the owner's.
//!
//! Only where users enter before they have proven their address (`auth.require_verified_email = false`). Whoever
//! reads the address gets the account, with their own password and names; whatever its former holder could enter with
//! ends. So nobody keeps access by registering somebody else's address first.

use super::{
    logout,
    register::drop_registration,
    verify_email::{self},
};
use crate::{
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{AddressState, Registration, SessionEnd, lockout::Subject},
        user::{Metadata, User, transition},
    },
    persistence::{
        Tx, TxFault,
        tables::{code, failure, registration, session, user},
    },
};

/// Puts what `made`, the user of `registered`, says of itself into `holder`. False: the user name went to another.
pub(super) fn run(tx: &mut Tx<'_>, registered: Registration, holder: User, made: User) -> Result<bool, TxFault> {
    let now = tx.now();
    let taken = User {
        email: made.email,
        username: made.username,
        first_name: made.first_name,
        last_name: made.last_name,
        phone: made.phone,
        phone_verified: false,
        locale: made.locale,
        metadata: Metadata::default(),
        password_hash: made.password_hash,
        password_changed_at: Some(now),
        ..transition::with_proven_address(holder, now)
    };
    if user::update(tx, &taken)?.is_err() {
        return Ok(false);
    }
    for held in session::of_user(tx, taken.id)? {
        logout::end(tx, &held, SessionEnd::PasswordReset)?;
    }
    code::remove_all(tx, taken.id)?;
    failure::clear(tx, Subject::User(taken.id))?;
    for other in registration::of_email(tx, &registered.email)? {
        if other.id != registered.id {
            drop_registration(tx, &other)?;
        }
    }
    // It stays for as long as its code may be repeated, and can prove nothing more.
    registration::remove(tx, registered.id)?;
    registration::insert(tx, &Registration { address: AddressState::Taken, ..registered })?;
    tx.audit(AuditRecord {
        action: AuditAction::ResetPassword,
        result: AuditResult::Done,
        subject: Some(taken.id),
        detail: "by=address_proof".to_owned(),
    })?;
    verify_email::tell(tx, &taken)?;
    Ok(true)
}
