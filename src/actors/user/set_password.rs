//! Sets a password on an operator's command, for a user who cannot reset it by mail.

use std::{sync::Arc, time::Duration};

use super::{UserContext, writes};
use crate::{
    actors::{
        auth::writes::{end_all_sessions, forget_failures},
        hasher::Priority,
        otp::writes::void_code,
    },
    crypto::identifier::IdentifierKey,
    domain::{
        audit::AuditRecord,
        auth::{SessionEnd, actions::AuthAction, events::PasswordSet, password_policy},
        event::Event,
        otp::CodePurpose,
        user::User,
    },
    persistence::{Decision, Tx, refuse, tables::user},
    supervision::Command,
    types::{Call, EmailAddress, Failure, Invalid, Secret, id::UserId, limits},
};

/// Sets a user's password; ends all sessions and clears failed logins, like a reset by code. Answers the user.
#[derive(Debug, Clone)]
pub struct SetPassword {
    pub email: EmailAddress,
    pub password: Secret,
}

/// The reason why the password is not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetPasswordRefusal {
    /// No user has the address.
    NotFound,
    /// The policy refuses the password, for these reasons.
    Password(Vec<Invalid>),
}

impl Command<UserContext> for SetPassword {
    type Answer = User;
    type Refusal = SetPasswordRefusal;
    const KIND: &'static str = "set_password";
    const DEADLINE: Duration = limits::HASHING_DEADLINE;

    async fn run(self, context: Arc<UserContext>, call: Call) -> Result<User, Failure<SetPasswordRefusal>> {
        let Some(found) = context.store.read(move |view| user::find_by_email(view, &self.email)).await? else {
            return Err(Failure::Refused(SetPasswordRefusal::NotFound));
        };
        let password_context =
            password_policy::PasswordContext { email: Some(&found.email), username: found.profile.username.as_ref() };
        let unfit = password_policy::check(self.password.reveal(), context.password_policy, password_context);
        if !unfit.is_empty() {
            return Err(Failure::Refused(SetPasswordRefusal::Password(unfit)));
        }
        let place = context.hasher.reserve(call.network(), Priority::Login)?;
        let hash = place.hash(self.password, context.salt()).await?;
        context
            .store
            .decide(context.write(&call), {
                let key = context.identifiers.clone();
                move |tx| commit(tx, found.id, &hash, &key)
            })
            .await
    }
}

fn commit(tx: &mut Tx<'_>, id: UserId, hash: &str, key: &IdentifierKey) -> Decision<User, SetPasswordRefusal> {
    let Some(found) = user::find(tx, id)? else { return refuse(SetPasswordRefusal::NotFound) };
    let (password_hash, password_changed_at) = (Some(hash.to_owned()), Some(tx.now()));
    let changed = writes::replace_user(tx, User { password_hash, password_changed_at, ..found })?;
    end_all_sessions(tx, changed.id, SessionEnd::PasswordReset)?;
    void_code(tx, changed.id, CodePurpose::ResetPassword)?;
    forget_failures(tx, &changed, key)?;
    let kind = PasswordSet { user: changed.id }.into();
    let event = Event { subject: changed.id, kind, personal: writes::addressed(&changed.email) };
    let entry = AuditRecord::done(AuthAction::ResetPassword, changed.id).detail("by=operator");
    tx.record(event, entry)?;
    Ok(changed)
}
