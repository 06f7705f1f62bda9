//! Requests the reset of a password: one commit and the same answer for every address.
//!
//! An event of the same kind follows for every address, so that the work behind the answer is the same too. For an
//! unknown address it ends at the notifier, without a mail.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::{AuthContext, identifiers};
use crate::{
    config,
    crypto::identifier::IdentifierKey,
    domain::{
        audit::AuditRecord,
        auth::{
            ResetRequest,
            actions::AuthAction,
            events::{PasswordResetRequested, PasswordResetUnmatched},
            registration_rules,
        },
        event::{Event, Personal},
        otp::{CodePurpose, CodeStage},
    },
    persistence::{
        Reader, Tx, TxFault,
        tables::{code, registration, reset, user},
    },
    supervision::Command,
    types::{
        Call, EmailAddress, Failure, Timestamp,
        id::{ResetId, UserId},
        limits,
    },
};

/// Requests a reset; a code is sent to the address if a user or registration has it.
#[derive(Debug, Clone)]
pub struct ForgotPassword {
    pub email: EmailAddress,
}

/// The answer for every address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetRequested {
    /// The id for `ResetBy::Id`.
    pub reset: ResetId,
    /// The latest expiry of a code that is sent now. A code that is sent again keeps its earlier expiry, which the mail
    /// states.
    pub expires_at: Timestamp,
    /// The time from which another code can be requested.
    pub resend_at: Timestamp,
}

impl Command<AuthContext> for ForgotPassword {
    type Answer = ResetRequested;
    type Refusal = Infallible;
    const KIND: &'static str = "forgot_password";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<ResetRequested, Failure<Infallible>> {
        let (settings, key) = (context.settings.code.clone(), context.keys.identifier.clone());
        let write = context.write(&call);
        Ok(context.store.write(write, move |tx| commit(tx, &self.email, &key, &settings)).await?)
    }
}

fn commit(
    tx: &mut Tx<'_>,
    email: &EmailAddress,
    key: &IdentifierKey,
    settings: &config::CodeConfig,
) -> Result<ResetRequested, TxFault> {
    let now = tx.now();
    let owner = owner_of(tx, email, now)?;
    let request = ResetRequest {
        id: tx.id(),
        email: email.clone(),
        owner,
        tries_left: u8::try_from(settings.tries).unwrap_or(u8::MAX),
        created_at: now,
        expires_at: now.plus(settings.lifetime),
    };
    reset::put(tx, &request)?;
    record(tx, (owner, identifiers::stand_in(key, &email.normal())), request.id)?;
    Ok(ResetRequested { reset: request.id, expires_at: request.expires_at, resend_at: now.plus(settings.resend_after) })
}

/// The owner whose password a code for the address can set: the user; else the valid registration that has such a code;
/// else the newest valid registration.
pub(super) fn owner_of(reader: &impl Reader, email: &EmailAddress, now: Timestamp) -> Result<Option<UserId>, TxFault> {
    if let Some(user) = user::find_by_email(reader, email)? {
        return Ok(Some(user.id));
    }
    let waiting = registration::of_email(reader, email)?;
    for waits in registration_rules::verifiable(&waiting, now) {
        let sent = code::find(reader, waits.id, CodePurpose::ResetPassword)?;
        if sent.is_some_and(|code| code.state == CodeStage::Live && now < code.expires_at) {
            return Ok(Some(waits.id));
        }
    }
    Ok(registration_rules::newest_verifiable(&waiting, now).map(|found| found.id))
}

/// Emits and audits the request. For an unknown address the event is about `stand_in`, and the entry about no person.
fn record(tx: &mut Tx<'_>, (owner, stand_in): (Option<UserId>, UserId), reset: ResetId) -> Result<(), TxFault> {
    let kind = match owner {
        Some(user) => PasswordResetRequested { user, reset }.into(),
        None => PasswordResetUnmatched { reset }.into(),
    };
    let event = Event { subject: owner.unwrap_or(stand_in), kind, personal: Personal::default() };
    let entry = AuditRecord::done(AuthAction::ForgotPassword, owner).detail(format!("reset={reset}"));
    tx.record(event, entry)?;
    Ok(())
}
