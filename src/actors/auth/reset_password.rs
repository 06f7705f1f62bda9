//! A new password by the code that was mailed: ends all sessions, opens what wrong passwords had locked, and verifies
//! an address that never was.
//!
//! Every try costs one hash and two commits, whether the address is anybody's, nobody's, or the request made up.

use std::sync::Arc;

use super::{AuthContext, Call, forgot_password::owner_of, logout, verify_email};
use crate::{
    actors::{hasher::Priority, otp::Tried},
    crypto::{code::CodeDigits, password::PasswordCheck},
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::{ResetRequest, SessionEnd, lockout::Subject, password_policy},
        event::{Event, EventKind, Personal},
        otp::CodePurpose,
        user::{User, transition},
    },
    persistence::{
        Tx, TxFault, Verdict,
        tables::{failure, registration, reset, session, timing_padding, user},
    },
    types::{
        EmailAddress, Fault, FieldError, Secret,
        id::{ResetId, UserId},
        limits,
    },
};

/// What the code was sent for.
#[derive(Debug, Clone)]
pub enum ResetBy {
    /// The request that `forgot` answered.
    Request(ResetId),
    /// The address alone; tried less often.
    Address(EmailAddress),
}

/// A code and the password it is to set.
#[derive(Debug, Clone)]
pub struct ResetPassword {
    /// What the code was sent for.
    pub by: ResetBy,
    /// What was typed.
    pub code: String,
    /// The password, not looked at yet.
    pub new_password: Secret,
}

/// Why nothing is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResetRefusal {
    /// The password is not fit.
    Fields(Vec<FieldError>),
    /// The one way in which codes fail, whatever the reason.
    CodeInvalid,
}

pub(super) async fn run(
    context: Arc<AuthContext>,
    call: Call,
    command: ResetPassword,
) -> Result<Result<(), ResetRefusal>, Fault> {
    let named = match &command.by {
        ResetBy::Address(email) => Some(email.clone()),
        ResetBy::Request(id) => context.store.read(|view| reset::find(view, *id))?.map(|request| request.email),
    };
    // Of the user name nothing may be said to somebody who has not proven to be its owner.
    let password_context = password_policy::PasswordContext { email: named.as_ref(), username: None };
    let unfit = password_policy::check(command.new_password.reveal(), context.password_policy, password_context);
    if !unfit.is_empty() {
        let errors = unfit.into_iter().map(|why| why.at("/newPassword")).collect();
        return Ok(Err(ResetRefusal::Fields(errors)));
    }
    if CodeDigits::parse(&command.code).is_err() {
        return Ok(Err(ResetRefusal::CodeInvalid));
    }
    let place = context.hasher.reserve(call.network(), Priority::Registration)?;
    let password_hash = place.hash(command.new_password.clone(), context.salt()).await?;
    let admitted = count(&context, &call, command.by).await?;
    let now = context.system.clock().now();
    let owner = match admitted {
        Some(email) => context.store.read(|view| owner_of(view, &email, now))?,
        None => None,
    };
    let Some(owner) = owner else {
        context.otp.pretend(&call).await?;
        return Ok(Err(ResetRefusal::CodeInvalid));
    };
    let effect = Arc::new(set_password(owner, password_hash));
    let tried =
        context.otp.verify(call.context.clone(), owner, CodePurpose::ResetPassword, &command.code, effect).await?;
    match tried {
        Tried::Right => Ok(Ok(())),
        Tried::RightAgain if is_set(&context, &call, owner, command.new_password).await? => Ok(Ok(())),
        Tried::RightAgain => Ok(Err(ResetRefusal::CodeInvalid)),
        Tried::Wrong { .. } | Tried::Expired | Tried::Unknown => Ok(Err(ResetRefusal::CodeInvalid)),
    }
}

/// Whether a password is the owner's already: then a lost answer is asked for again. Only who has the right code of an
/// owner that there is comes here, so that what this costs tells nobody else anything.
async fn is_set(context: &AuthContext, call: &Call, owner: UserId, password: Secret) -> Result<bool, Fault> {
    let found = context.store.read(|view| user::find(view, owner))?;
    let Some(hash) = found.and_then(|user| user.password_hash) else { return Ok(false) };
    let place = context.hasher.reserve(call.network(), Priority::Registration)?;
    Ok(match place.verify(hash, password).await? {
        PasswordCheck::Right | PasswordCheck::RightOutdated => true,
        PasswordCheck::Wrong => false,
    })
}

/// Counts a try, if there may be one more, and gives the address it is for.
async fn count(context: &AuthContext, call: &Call, by: ResetBy) -> Result<Option<EmailAddress>, Fault> {
    let day = match &by {
        ResetBy::Address(email) => Some((day_id(context, email), email.clone())),
        ResetBy::Request(_) => None,
    };
    let a_day = u8::try_from(context.settings.code.daily_tries_by_address).unwrap_or(u8::MAX);
    context
        .store
        .old_write(context.write(call), move |tx| {
            let now = tx.now();
            let found = match (&by, &day) {
                (ResetBy::Address(_), Some((id, email))) => Some(of_day(tx, *id, email, a_day)?),
                (ResetBy::Request(id), _) => reset::find(tx, *id)?,
                (ResetBy::Address(_), None) => None,
            };
            match found.and_then(|request| request.tried(now)) {
                Some(counted) => {
                    reset::put(tx, &counted)?;
                    Ok(Verdict::Commit(Some(counted.email)))
                }
                None => {
                    timing_padding::leave(tx)?;
                    Ok(Verdict::Commit(None))
                }
            }
        })
        .await
}

/// The request under which tries that name only this address are counted.
fn day_id(context: &AuthContext, email: &EmailAddress) -> ResetId {
    let digest = context.keys.identifier.digest(&format!("reset {}", email.normal()));
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    ResetId::from(uuid::Uuid::from_bytes(id))
}

fn of_day(tx: &Tx<'_>, id: ResetId, email: &EmailAddress, tries: u8) -> Result<ResetRequest, TxFault> {
    let now = tx.now();
    let found = reset::find(tx, id)?.filter(|day| now < day.expires_at);
    Ok(found.unwrap_or_else(|| ResetRequest {
        id,
        email: email.clone(),
        tries_left: tries,
        created_at: now,
        expires_at: now.plus(limits::RESET_TRIES_SPAN),
    }))
}

/// What the right code does, in the commit that takes it.
fn set_password(owner: UserId, hash: String) -> impl Fn(&mut Tx<'_>) -> Result<bool, TxFault> + Send + Sync + 'static {
    move |tx| {
        let now = tx.now();
        let email = match user::find(tx, owner)? {
            Some(known) => {
                let was_proven = known.email_verified;
                let changed = User {
                    password_hash: Some(hash.clone()),
                    password_changed_at: Some(now),
                    // A phone that was proven before the address need not be the owner's.
                    phone_verified: known.phone_verified && was_proven,
                    ..transition::with_proven_address(known, now)
                };
                user::replace(tx, &changed)?;
                if !was_proven {
                    verify_email::settle_proof(tx, &changed)?;
                }
                changed.email
            }
            None => {
                let Some(registered) = registration::find(tx, owner)? else { return Ok(false) };
                let email = registered.email.clone();
                let made = verify_email::user_of(registered, now);
                let made = User { password_hash: Some(hash.clone()), password_changed_at: Some(now), ..made };
                if !verify_email::become_user(tx, made)? {
                    return Ok(false);
                }
                email
            }
        };
        for held in session::of_user(tx, owner)? {
            logout::end(tx, &held, SessionEnd::PasswordReset)?;
        }
        failure::clear(tx, Subject::User(owner))?;
        tx.emit(Event {
            subject: owner,
            kind: EventKind::PasswordResetCompleted { user: owner },
            personal: Personal { email: Some(email.as_str().to_owned()), ..Personal::of_call(tx.context()) },
        })?;
        tx.audit(AuditRecord {
            action: AuditAction::ResetPassword,
            result: AuditResult::Done,
            subject: Some(owner),
            detail: String::new(),
        })?;
        Ok(true)
    }
}
