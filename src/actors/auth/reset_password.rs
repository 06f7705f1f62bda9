//! A new password by the code that was mailed: ends all sessions, lifts the lockout that wrong passwords led to, and
//! verifies an address that never was.
//!
//! Every try costs one hash and two commits, whether the address is known, unknown, or the request made up.

use std::{sync::Arc, time::Duration};

use super::{
    AuthContext,
    forgot_password::owner_of,
    identifiers, proof,
    writes::{end_all_sessions, forget_failures, settle_proof},
};
use crate::{
    actors::{
        hasher::Priority,
        otp::{Effect, EffectRefused, Tried},
    },
    crypto::{code::CodeDigits, identifier::IdentifierKey, password::PasswordCheck},
    domain::{
        audit::{AuditAction, AuditRecord},
        auth::{ResetRequest, SessionEnd, password_policy},
        event::{Event, EventKind, EventOrigin, Personal},
        otp::CodePurpose,
        user::{Metadata, Profile, User, transition},
    },
    persistence::{
        Decision, Tx, TxFault, refuse, refuse_and_keep,
        tables::{registration, reset, timing_padding, user},
    },
    supervision::Command,
    types::{
        Call, EmailAddress, Failure, Fault, FieldError, Secret, Timestamp,
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

impl Command<AuthContext> for ResetPassword {
    type Answer = ();
    type Refusal = ResetRefusal;
    const KIND: &'static str = "reset_password";
    const DEADLINE: Duration = limits::HASHING_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<(), Failure<ResetRefusal>> {
        let named = match &self.by {
            ResetBy::Address(email) => Some(email.clone()),
            ResetBy::Request(id) => {
                let id = *id;
                context.store.read(move |view| reset::find(view, id)).await?.map(|request| request.email)
            }
        };
        // Of the user name nothing may be said before the caller has proven to be its owner.
        let password_context = password_policy::PasswordContext { email: named.as_ref(), username: None };
        let unfit = password_policy::check(self.new_password.reveal(), context.password_policy, password_context);
        if !unfit.is_empty() {
            let errors = unfit.into_iter().map(|why| why.at("/newPassword")).collect();
            return Err(Failure::Refused(ResetRefusal::Fields(errors)));
        }
        if CodeDigits::parse(&self.code).is_err() {
            return Err(Failure::Refused(ResetRefusal::CodeInvalid));
        }
        let place = context.hasher.reserve(call.network(), Priority::Registration)?;
        let password_hash = place.hash(self.new_password.clone(), context.salt()).await?;
        let stand_in = stand_in(&context, &self.by);
        let counted = match count(&context, &call, self.by).await {
            Ok(counted) => Some(counted),
            Err(Failure::Refused(NoTryLeft)) => None,
            Err(Failure::Fault(fault)) => return Err(fault.into()),
        };
        let Some(reset) = reset_of(&context, counted, password_hash).await? else {
            context.otp.pretend(call.context.clone(), stand_in).await?;
            return Err(Failure::Refused(ResetRefusal::CodeInvalid));
        };
        let owner = reset.owner;
        let effect = Effect::new("reset_password", move |tx| set_password(tx, &reset));
        let tried =
            context.otp.verify(call.context.clone(), owner, CodePurpose::ResetPassword, &self.code, effect).await?;
        match tried {
            Tried::Right => Ok(()),
            Tried::RightAgain if is_set(&context, &call, owner, self.new_password).await? => Ok(()),
            Tried::RightAgain | Tried::Wrong { .. } | Tried::Expired | Tried::Unknown => {
                Err(Failure::Refused(ResetRefusal::CodeInvalid))
            }
        }
    }
}

/// Whether a password is the owner's already: then a lost answer is asked for again. Reached only with the right code
/// of an owner that exists, so its cost tells nothing to others.
async fn is_set(context: &AuthContext, call: &Call, owner: UserId, password: Secret) -> Result<bool, Fault> {
    let found = context.store.read(move |view| user::find(view, owner)).await?;
    let Some(hash) = found.and_then(|user| user.password_hash) else { return Ok(false) };
    let place = context.hasher.reserve(call.network(), Priority::Registration)?;
    Ok(match place.verify(hash, password).await? {
        PasswordCheck::Right | PasswordCheck::RightOutdated => true,
        PasswordCheck::Wrong => false,
    })
}

/// In whose mailbox a try waits that has no owner.
fn stand_in(context: &AuthContext, by: &ResetBy) -> UserId {
    let named = match by {
        ResetBy::Request(id) => id.to_string(),
        ResetBy::Address(email) => email.normal(),
    };
    identifiers::stand_in(&context.keys.identifier, &named)
}

/// There is no such request, its time is over, or its tries are used up.
struct NoTryLeft;

/// What tries are counted under.
enum TryCounter {
    Request(ResetId),
    /// The tries of an address in a day, for those that name no request.
    Day {
        id: ResetId,
        email: EmailAddress,
        tries: u8,
    },
}

/// What a try was counted under.
enum Counted {
    /// A request, which names its owner.
    Request(ResetRequest),
    /// The address, for a day.
    Day(EmailAddress),
}

/// A password that the right code sets.
struct Reset {
    owner: UserId,
    hash: String,
    /// Hashes the identifiers whose failed logins are forgotten.
    key: IdentifierKey,
    /// When it was asked for, if the try names its request: a password that was set later makes the request void.
    requested_at: Option<Timestamp>,
}

/// Whose password the code is to set: the owner of the request or, by the address alone, its owner now.
async fn reset_of(context: &AuthContext, counted: Option<Counted>, hash: String) -> Result<Option<Reset>, Fault> {
    let (owner, requested_at) = match counted {
        Some(Counted::Request(request)) => (request.owner, Some(request.created_at)),
        Some(Counted::Day(email)) => {
            let now = context.system.clock().now();
            (context.store.read(move |view| owner_of(view, &email, now)).await?, None)
        }
        None => (None, None),
    };
    let key = context.keys.identifier.clone();
    Ok(owner.map(|owner| Reset { owner, hash, key, requested_at }))
}

/// Counts a code try, if one is left.
async fn count(context: &AuthContext, call: &Call, by: ResetBy) -> Result<Counted, Failure<NoTryLeft>> {
    let counter = match by {
        ResetBy::Request(id) => TryCounter::Request(id),
        ResetBy::Address(email) => TryCounter::Day {
            id: day_id(context, &email),
            email,
            tries: u8::try_from(context.settings.code.daily_tries_by_address).unwrap_or(u8::MAX),
        },
    };
    context.store.decide(context.write(call), move |tx| commit_counted(tx, &counter)).await
}

fn commit_counted(tx: &mut Tx<'_>, counter: &TryCounter) -> Decision<Counted, NoTryLeft> {
    let found = match counter {
        TryCounter::Request(id) => reset::find(tx, *id)?,
        TryCounter::Day { id, email, tries } => Some(of_day(tx, *id, email, *tries)?),
    };
    match found.and_then(|request| request.tried(tx.now())) {
        Some(counted) => {
            reset::put(tx, &counted)?;
            Ok(match counter {
                TryCounter::Request(_) => Counted::Request(counted),
                TryCounter::Day { .. } => Counted::Day(counted.email),
            })
        }
        None => {
            timing_padding::leave(tx)?;
            refuse_and_keep(NoTryLeft)
        }
    }
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
        owner: None,
        tries_left: tries,
        created_at: now,
        expires_at: now.plus(limits::RESET_TRIES_SPAN),
    }))
}

/// What the right code does, in the commit that takes it.
fn set_password(tx: &mut Tx<'_>, reset: &Reset) -> Decision<(), EffectRefused> {
    let (owner, now) = (reset.owner, tx.now());
    let known = match user::find(tx, owner)? {
        Some(known) if was_changed_since(&known, reset.requested_at) => return refuse(EffectRefused),
        Some(known) => set_of_user(tx, known, &reset.hash)?,
        None => {
            let Some(registered) = registration::find(tx, owner)? else { return refuse(EffectRefused) };
            let made = proof::user_of(registered, now);
            let made = User {
                profile: Profile::default(),
                password_hash: Some(reset.hash.clone()),
                password_changed_at: Some(now),
                ..made
            };
            proof::become_user(tx, made.clone())?;
            made
        }
    };
    forget_failures(tx, &known, &reset.key)?;
    end_all_sessions(tx, owner, SessionEnd::PasswordReset)?;
    let event = Event {
        subject: owner,
        kind: EventKind::PasswordResetCompleted { user: owner },
        personal: Personal { email: Some(known.email.as_str().to_owned()), ..Personal::default() },
    };
    tx.record(EventOrigin::Call, event, AuditRecord::done(AuditAction::ResetPassword, owner))?;
    Ok(())
}

/// Whether a password was set after the reset was asked for.
fn was_changed_since(known: &User, requested_at: Option<Timestamp>) -> bool {
    match (requested_at, known.password_changed_at) {
        (Some(requested), Some(changed)) => requested < changed,
        (Some(_), None) | (None, _) => false,
    }
}

/// Sets the password of a user; gives the user. One who never proved it keeps the address alone: what else is known
/// of that user may have been typed by another person.
fn set_of_user(tx: &mut Tx<'_>, known: User, hash: &str) -> Result<User, TxFault> {
    let (was_proven, now) = (known.email_verified, tx.now());
    let changed = User {
        password_hash: Some(hash.to_owned()),
        password_changed_at: Some(now),
        ..transition::with_proven_address(known, now)
    };
    let kept = if was_proven {
        changed
    } else {
        User { profile: Profile::default(), phone_verified: false, metadata: Metadata::default(), ..changed }
    };
    user::replace(tx, &kept)?;
    if !was_proven {
        settle_proof(tx, &kept)?;
    }
    Ok(kept)
}
