//! Requests the reset of a password: one commit and the same answer for every address.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::AuthContext;
use crate::{
    config,
    domain::{
        audit::AuditRecord,
        auth::{ResetRequest, actions::AuthAction, events::PasswordResetRequested, registration_rules},
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
        let settings = context.settings.code.clone();
        let requested = context.store.write(context.write(&call), move |tx| commit(tx, &self.email, &settings)).await?;
        Ok(requested)
    }
}

fn commit(tx: &mut Tx<'_>, email: &EmailAddress, settings: &config::CodeConfig) -> Result<ResetRequested, TxFault> {
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
    if let Some(owner) = owner {
        record(tx, owner, request.id)?;
    }
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

fn record(tx: &mut Tx<'_>, owner: UserId, reset: ResetId) -> Result<(), TxFault> {
    let kind = PasswordResetRequested { user: owner, reset }.into();
    let event = Event { subject: owner, kind, personal: Personal::default() };
    let entry = AuditRecord::done(AuthAction::ForgotPassword, owner).detail(format!("reset={reset}"));
    tx.record(event, entry)?;
    Ok(())
}
