//! A new password from an operator, for somebody who cannot help themselves by mail.

use std::sync::Arc;

use super::{UserContext, change_status::end_all};
use crate::{
    actors::hasher::Priority,
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{SessionEnd, lockout::Subject, password_policy},
        event::{Event, EventKind, Personal},
        user::User,
    },
    persistence::{
        Tx, TxFault, Verdict, Write,
        tables::{failure, user},
    },
    types::{Call, EmailAddress, Fault, Invalid, Secret},
};

/// Whose password becomes what.
#[derive(Debug, Clone)]
pub struct SetPassword {
    /// The user's address.
    pub email: EmailAddress,
    /// The new password.
    pub password: Secret,
}

/// Why the password stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetPasswordRefusal {
    /// No user has the address.
    NotFound,
    /// The password is not taken, for these reasons.
    Password(Vec<Invalid>),
}

/// Ends all sessions and forgets failed logins, as a reset by code does.
pub(super) async fn run(
    context: Arc<UserContext>,
    call: Call,
    command: SetPassword,
) -> Result<Result<User, SetPasswordRefusal>, Fault> {
    let Some(found) = context.store.read(|view| user::find_by_email(view, &command.email))? else {
        return Ok(Err(SetPasswordRefusal::NotFound));
    };
    let password_context =
        password_policy::PasswordContext { email: Some(&found.email), username: found.username.as_ref() };
    let unfit = password_policy::check(command.password.reveal(), context.password_policy, password_context);
    if !unfit.is_empty() {
        return Ok(Err(SetPasswordRefusal::Password(unfit)));
    }
    let place = context.hasher.reserve(call.network(), Priority::Login)?;
    let hash = place.hash(command.password.clone(), context.salt()).await?;
    context
        .store
        .old_write(Write::of(&call, context.system.stamp()), move |tx| {
            let Some(found) = user::find(tx, found.id)? else {
                return Ok(Verdict::Discard(Err(SetPasswordRefusal::NotFound)));
            };
            let changed = User {
                password_hash: Some(hash.clone()),
                password_changed_at: Some(tx.now()),
                updated_at: tx.now(),
                version: found.version + 1,
                ..found
            };
            user::replace(tx, &changed)?;
            end_all(tx, changed.id, SessionEnd::PasswordReset)?;
            failure::clear(tx, Subject::User(changed.id))?;
            tell(tx, &changed)?;
            Ok(Verdict::Commit(Ok(changed)))
        })
        .await
}

fn tell(tx: &mut Tx<'_>, changed: &User) -> Result<(), TxFault> {
    let personal = Personal { email: Some(changed.email.as_str().to_owned()), ..Personal::of_call(tx.context()) };
    tx.emit(Event { subject: changed.id, kind: EventKind::PasswordChanged { user: changed.id }, personal })?;
    tx.audit(AuditRecord {
        action: AuditAction::ResetPassword,
        result: AuditResult::Done,
        subject: Some(changed.id),
        detail: "by=operator".to_owned(),
    })
}
