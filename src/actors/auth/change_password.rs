//! Changes a password after a check of the current one, and ends the user's other sessions. A wrong password counts as
//! a failed login.

use std::{sync::Arc, time::Duration};

use super::{
    AuthContext,
    login_attempt::{self, AttemptsLockedOut, LoginAttempt},
    writes::end_other_sessions,
};
use crate::{
    actors::{hasher::Priority, otp::writes::void_code},
    crypto::password::PasswordCheck,
    domain::{
        audit::AuditRecord,
        auth::{Session, SessionEnd, actions::AuthAction, events::PasswordChanged, password_policy},
        event::{Event, Personal},
        otp::CodePurpose,
        user::{AddressRule, User},
    },
    persistence::{
        Decision, Tx, TxFault, refuse,
        tables::{session, user},
    },
    supervision::Command,
    types::{Call, Failure, Fault, FieldError, Principal, Secret, id::SessionId, limits},
};

/// Changes the password of a signed-in user.
#[derive(Debug, Clone)]
pub struct ChangePassword {
    /// The user, and the session that stays open.
    pub caller: Principal,
    /// The current password, which is checked.
    pub current: Secret,
    /// The new password; the policy is not checked yet.
    pub new: Secret,
}

/// The reason why the password is not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeRefusal {
    /// The policy refuses the new password.
    Fields(Vec<FieldError>),
    /// Too many failed attempts; the password was not checked.
    LockedOut {
        /// The time until the next attempt is accepted.
        wait: Duration,
    },
    /// The current password is wrong.
    WrongPassword,
    /// The session has ended.
    SessionEnded,
}

impl From<AttemptsLockedOut> for ChangeRefusal {
    fn from(AttemptsLockedOut { wait }: AttemptsLockedOut) -> Self {
        Self::LockedOut { wait }
    }
}

impl Command<AuthContext> for ChangePassword {
    type Answer = ();
    type Refusal = ChangeRefusal;
    const KIND: &'static str = "change_password";
    const DEADLINE: Duration = limits::HASHING_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<(), Failure<ChangeRefusal>> {
        let user = self.caller.user;
        let Some(seen) = context.store.read(move |view| user::find(view, user)).await? else {
            return Err(Failure::Refused(ChangeRefusal::SessionEnded));
        };
        let password_context =
            password_policy::PasswordContext { email: Some(&seen.email), username: seen.profile.username.as_ref() };
        let unfit = password_policy::check(self.new.reveal(), context.password_policy, password_context);
        if !unfit.is_empty() {
            let errors = unfit.into_iter().map(|why| why.at("/newPassword")).collect();
            return Err(Failure::Refused(ChangeRefusal::Fields(errors)));
        }
        let place = context.hasher.reserve(call.network(), Priority::Login)?;
        let attempt = LoginAttempt::signed_in(&self.caller, AuthAction::ChangePassword);
        let reserved = login_attempt::reserve(&context, &call, attempt).await;
        let attempt = reserved.map_err(|failure| failure.map_refusal(ChangeRefusal::from))?;
        let checked = match &seen.password_hash {
            Some(hash) => place.verify(hash.clone(), self.current.clone()).await,
            None => place.verify_unknown(self.current.clone(), context.hasher.cost()).await,
        };
        let hashed = match checked {
            Ok(PasswordCheck::Right | PasswordCheck::RightOutdated) => hash(&context, &call, self.new).await,
            Ok(PasswordCheck::Wrong) => {
                login_attempt::fail(&context, &call, &attempt).await?;
                return Err(Failure::Refused(ChangeRefusal::WrongPassword));
            }
            Err(fault) => Err(fault),
        };
        match hashed {
            Ok(hash) => {
                let change = PasswordChange { seen, session: self.caller.session, hash, attempt };
                let rule = context.address_rule;
                context.store.decide(context.write(&call), move |tx| commit(tx, &change, rule)).await
            }
            Err(fault) => {
                login_attempt::give_back(&context, &call, &attempt).await?;
                Err(fault.into())
            }
        }
    }
}

async fn hash(context: &AuthContext, call: &Call, new: Secret) -> Result<String, Fault> {
    context.hasher.reserve(call.network(), Priority::Login)?.hash(new, context.salt()).await
}

/// A checked change of a password, for its transaction.
struct PasswordChange {
    seen: User,
    session: SessionId,
    hash: String,
    attempt: LoginAttempt,
}

fn commit(tx: &mut Tx<'_>, change: &PasswordChange, rule: AddressRule) -> Decision<(), ChangeRefusal> {
    let now = tx.now();
    let own = session::find(tx, change.session)?.filter(|own| own.is_live(now));
    let found = user::find(tx, change.seen.id)?;
    let found = found.filter(|user| user.may_enter(now, rule) && user.password_hash == change.seen.password_hash);
    let (Some(user), Some(own)) = (found, own) else { return refuse(ChangeRefusal::SessionEnded) };
    login_attempt::settle_success(tx, &change.attempt)?;
    user::replace(
        tx,
        &User {
            password_hash: Some(change.hash.clone()),
            password_changed_at: Some(now),
            updated_at: now,
            version: user.version + 1,
            ..user.clone()
        },
    )?;
    end_other_sessions(tx, user.id, Some(own.id), SessionEnd::PasswordChanged)?;
    void_code(tx, user.id, CodePurpose::ResetPassword)?;
    session::update(tx, &Session { auth_time: now, ..own })?;
    record(tx, &user)?;
    Ok(())
}

fn record(tx: &mut Tx<'_>, user: &User) -> Result<(), TxFault> {
    let event = Event {
        subject: user.id,
        kind: PasswordChanged { user: user.id }.into(),
        personal: Personal { email: Some(user.email.as_str().to_owned()), ..Personal::default() },
    };
    tx.record(event, AuditRecord::done(AuthAction::ChangePassword, user.id))?;
    Ok(())
}
