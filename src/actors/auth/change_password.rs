//! A new password by the one before: ends the user's other sessions. A wrong one counts as a failed login.

use std::sync::Arc;

use super::{AuthContext, Call, login_attempt, logout};
use crate::{
    actors::hasher::Priority,
    crypto::password::PasswordCheck,
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{Session, SessionEnd, password_policy},
        event::{Event, EventKind, Personal},
        user::User,
    },
    persistence::{
        Tx, TxFault, Verdict,
        tables::{session, user},
    },
    types::{Fault, FieldError, Principal, Secret, Timestamp, id::SessionId},
};

/// Both passwords of a signed-in user.
#[derive(Debug, Clone)]
pub struct ChangePassword {
    /// Who.
    pub who: Principal,
    /// The password of now.
    pub current: Secret,
    /// The one to be, not looked at yet.
    pub new: Secret,
}

/// Why nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeRefusal {
    /// The new password is not fit.
    Fields(Vec<FieldError>),
    /// Too many failures; nothing was tried.
    LockedOut {
        /// When the next attempt is taken.
        until: Timestamp,
    },
    /// The current password is another one.
    WrongPassword,
    /// The session ended meanwhile.
    SessionEnded,
}

pub(super) async fn run(
    context: Arc<AuthContext>,
    call: Call,
    command: ChangePassword,
) -> Result<Result<(), ChangeRefusal>, Fault> {
    let Some(seen) = context.store.read(|view| user::find(view, command.who.user))? else {
        return Ok(Err(ChangeRefusal::SessionEnded));
    };
    let password_context =
        password_policy::PasswordContext { email: Some(&seen.email), username: seen.username.as_ref() };
    let unfit = password_policy::check(command.new.reveal(), context.password_policy, password_context);
    if !unfit.is_empty() {
        let errors = unfit.into_iter().map(|why| why.at("/newPassword")).collect();
        return Ok(Err(ChangeRefusal::Fields(errors)));
    }
    let place = context.hasher.reserve(call.network(), Priority::Login)?;
    let who = login_attempt::LoginAttempt::signed_in(&command.who, AuditAction::ChangePassword);
    let who = match login_attempt::reserve(&context, &call, who).await? {
        Ok(who) => who,
        Err(login_attempt::LockedOutUntil(until)) => return Ok(Err(ChangeRefusal::LockedOut { until })),
    };
    let checked = match &seen.password_hash {
        Some(hash) => place.verify(hash.clone(), command.current.clone()).await,
        None => place.verify_nobody(command.current.clone()).await,
    };
    let hashed = match checked {
        Ok(PasswordCheck::Right | PasswordCheck::RightOutdated) => hash(&context, &call, command.new).await,
        Ok(PasswordCheck::Wrong) => {
            login_attempt::fail(&context, &call, &who).await?;
            return Ok(Err(ChangeRefusal::WrongPassword));
        }
        Err(fault) => Err(fault),
    };
    match hashed {
        Ok(hash) => commit(&context, &call, who, Change { seen, session: command.who.session, hash }).await,
        Err(fault) => {
            login_attempt::give_back(&context, &call, &who).await?;
            Err(fault)
        }
    }
}

async fn hash(context: &AuthContext, call: &Call, new: Secret) -> Result<String, Fault> {
    context.hasher.reserve(call.network(), Priority::Login)?.hash(new, context.salt()).await
}

/// What was proven, and what is to be.
struct Change {
    seen: User,
    session: SessionId,
    hash: String,
}

async fn commit(
    context: &AuthContext,
    call: &Call,
    who: login_attempt::LoginAttempt,
    change: Change,
) -> Result<Result<(), ChangeRefusal>, Fault> {
    let rule = context.address_rule;
    context
        .store
        .old_write(context.write(call), move |tx| {
            let now = tx.now();
            let own = session::find(tx, change.session)?.filter(|own| own.is_live(now));
            let found = user::find(tx, change.seen.id)?;
            let found =
                found.filter(|user| user.may_enter(now, rule) && user.password_hash == change.seen.password_hash);
            let (Some(user), Some(own)) = (found, own) else {
                return Ok(Verdict::Discard(Err(ChangeRefusal::SessionEnded)));
            };
            login_attempt::settle_success(tx, &who)?;
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
            for other in session::of_user(tx, user.id)?.iter().filter(|other| other.id != own.id) {
                logout::end(tx, other, SessionEnd::PasswordChanged)?;
            }
            session::update(tx, &Session { auth_time: now, ..own })?;
            tell(tx, &user)?;
            Ok(Verdict::Commit(Ok(())))
        })
        .await
}

fn tell(tx: &mut Tx<'_>, user: &User) -> Result<(), TxFault> {
    tx.emit(Event {
        subject: user.id,
        kind: EventKind::PasswordChanged { user: user.id },
        personal: Personal { email: Some(user.email.as_str().to_owned()), ..Personal::of_call(tx.context()) },
    })?;
    tx.audit(AuditRecord {
        action: AuditAction::ChangePassword,
        result: AuditResult::Done,
        subject: Some(user.id),
        detail: String::new(),
    })
}
