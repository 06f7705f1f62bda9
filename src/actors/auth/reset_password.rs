//! A new password by the code or link that was mailed: ends all sessions, lifts the lockout that wrong passwords led
//! to, and verifies an address that never was.
//!
//! Every try of a code costs one hash and two commits, and every secret of a link one hash and one commit, whether the
//! address is known, unknown, or the request or secret made up.

use std::{sync::Arc, time::Duration};

use super::{
    AuthContext,
    forgot_password::owner_of,
    proof,
    writes::{end_all_sessions, settle_proof},
};
use crate::{
    actors::{
        hasher::Priority,
        otp::{Effect, EffectRefused, Tried},
    },
    crypto::{code::CodeDigits, link_secret::LinkSecret, password::PasswordCheck},
    domain::{
        audit::AuditRecord,
        auth::{
            ResetRequest, SessionEnd, actions::AuthAction, events::PasswordResetCompleted, lockout::Subject,
            password_policy,
        },
        event::{Event, EventOrigin, Personal},
        otp::CodePurpose,
        user::{Metadata, Profile, User, transition},
    },
    persistence::{
        Decision, Reader, Tx, TxFault, refuse, refuse_and_keep,
        tables::{failure, registration, reset, timing_padding, user},
    },
    supervision::Command,
    types::{
        Call, EmailAddress, Failure, Fault, FieldError, Secret, Timestamp,
        id::{ResetId, UserId},
        limits,
    },
};

const PURPOSE: CodePurpose = CodePurpose::ResetPassword;

/// What the code was sent for.
#[derive(Debug, Clone)]
pub enum ResetBy {
    /// The request that `forgot` answered.
    Request(ResetId),
    /// The address alone; tried less often.
    Address(EmailAddress),
}

/// What shows that its sender reads mail to the address.
#[derive(Debug, Clone)]
pub enum ResetProof {
    /// The code that was mailed.
    Code {
        /// What it was sent for.
        by: ResetBy,
        /// What was typed.
        code: String,
    },
    /// The secret of the link that was mailed beside it.
    Link(Secret),
}

/// A code or link and the password it is to set.
#[derive(Debug, Clone)]
pub struct ResetPassword {
    /// The code or the link.
    pub proof: ResetProof,
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
        let Self { proof, new_password } = self;
        let (owner, tried) = match proof {
            ResetProof::Code { by, code } => by_code(&context, &call, (by, &code), &new_password).await?,
            ResetProof::Link(text) => by_link(&context, &call, &text, &new_password).await?,
        };
        match tried {
            Tried::Right => Ok(()),
            Tried::RightAgain if is_set(&context, &call, owner, new_password).await? => Ok(()),
            Tried::RightAgain | Tried::Wrong { .. } | Tried::Expired | Tried::Unknown => Err(INVALID),
        }
    }
}

const INVALID: Failure<ResetRefusal> = Failure::Refused(ResetRefusal::CodeInvalid);

/// Tries a code; gives whose it was held against.
async fn by_code(
    context: &AuthContext,
    call: &Call,
    (by, code): (ResetBy, &str),
    new_password: &Secret,
) -> Result<(UserId, Tried), Failure<ResetRefusal>> {
    let named = match &by {
        ResetBy::Address(email) => Some(email.clone()),
        ResetBy::Request(id) => {
            let id = *id;
            context.store.read(move |view| reset::find(view, id)).await?.map(|request| request.email)
        }
    };
    check(context, new_password, named.as_ref())?;
    if CodeDigits::parse(code).is_err() {
        return Err(INVALID);
    }
    let password_hash = hash(context, call, new_password).await?;
    let counted = match count(context, call, by).await {
        Ok(counted) => Some(counted),
        Err(Failure::Refused(NoTryLeft)) => None,
        Err(Failure::Fault(fault)) => return Err(fault.into()),
    };
    let Some(reset) = reset_of(context, counted, password_hash).await? else {
        context.otp.pretend(call).await?;
        return Err(INVALID);
    };
    let owner = reset.owner;
    let tried = context.otp.verify(call.context.clone(), owner, PURPOSE, code, effect(reset)).await?;
    Ok((owner, tried))
}

/// Tries the secret of a link; gives whose it was held against. The password is checked against the address only for
/// one who has the right secret.
async fn by_link(
    context: &AuthContext,
    call: &Call,
    text: &Secret,
    new_password: &Secret,
) -> Result<(UserId, Tried), Failure<ResetRefusal>> {
    let secret = LinkSecret::parse(text).ok();
    let named = match &secret {
        Some(secret) if context.otp.knows_link(secret, PURPOSE).await? => {
            let owner = secret.owner();
            context.store.read(move |view| address_of(view, owner)).await?
        }
        Some(_) | None => None,
    };
    check(context, new_password, named.as_ref())?;
    let secret = secret.ok_or(INVALID)?;
    let hash = hash(context, call, new_password).await?;
    let owner = secret.owner();
    // The code ends with every change of the password, so its link needs no time of its own.
    let reset = Reset { owner, hash, requested_at: None };
    let tried = context.otp.follow_link(call.context.clone(), secret, PURPOSE, effect(reset)).await?;
    Ok((owner, tried))
}

/// Refuses an unfit password. Of the user name nothing may be said before the caller has proven to be its owner.
fn check(context: &AuthContext, password: &Secret, email: Option<&EmailAddress>) -> Result<(), Failure<ResetRefusal>> {
    let password_context = password_policy::PasswordContext { email, username: None };
    let unfit = password_policy::check(password.reveal(), context.password_policy, password_context);
    if unfit.is_empty() {
        return Ok(());
    }
    let errors = unfit.into_iter().map(|why| why.at("/newPassword")).collect();
    Err(Failure::Refused(ResetRefusal::Fields(errors)))
}

async fn hash(context: &AuthContext, call: &Call, password: &Secret) -> Result<String, Fault> {
    let place = context.hasher.reserve(call.network(), Priority::Registration)?;
    place.hash(password.clone(), context.salt()).await
}

fn effect(reset: Reset) -> Effect {
    Effect::new("reset_password", move |tx| set_password(tx, &reset))
}

/// The address of a user or registration.
fn address_of(reader: &impl Reader, owner: UserId) -> Result<Option<EmailAddress>, TxFault> {
    match user::find(reader, owner)? {
        Some(found) => Ok(Some(found.email)),
        None => Ok(registration::find(reader, owner)?.map(|found| found.email)),
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
    Ok(owner.map(|owner| Reset { owner, hash, requested_at }))
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
    let email = match user::find(tx, owner)? {
        Some(known) if was_changed_since(&known, reset.requested_at) => return refuse(EffectRefused),
        Some(known) => set_of_user(tx, known, &reset.hash)?,
        None => {
            let Some(registered) = registration::find(tx, owner)? else { return refuse(EffectRefused) };
            let email = registered.email.clone();
            let made = proof::user_of(registered, now);
            let made = User {
                profile: Profile::default(),
                password_hash: Some(reset.hash.clone()),
                password_changed_at: Some(now),
                ..made
            };
            proof::become_user(tx, made)?;
            email
        }
    };
    end_all_sessions(tx, owner, SessionEnd::PasswordReset)?;
    failure::clear(tx, Subject::User(owner))?;
    let event = Event {
        subject: owner,
        kind: PasswordResetCompleted { user: owner }.into(),
        personal: Personal { email: Some(email.as_str().to_owned()), ..Personal::default() },
    };
    tx.record(EventOrigin::Call, event, AuditRecord::done(AuthAction::ResetPassword, owner))?;
    Ok(())
}

/// Whether a password was set after the reset was asked for.
fn was_changed_since(known: &User, requested_at: Option<Timestamp>) -> bool {
    match (requested_at, known.password_changed_at) {
        (Some(requested), Some(changed)) => requested < changed,
        (Some(_), None) | (None, _) => false,
    }
}

/// Sets the password of a user; gives the address. One who never proved it keeps the address alone: what else is known
/// of that user may have been typed by another person.
fn set_of_user(tx: &mut Tx<'_>, known: User, hash: &str) -> Result<EmailAddress, TxFault> {
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
    Ok(kept.email)
}
