//! A new password by the code or link that was mailed: ends all sessions, lifts the lockout that wrong passwords led
//! to, and verifies an address that never was.
//!
//! Every try of a code costs one hash and two commits, and every secret of a link one hash and one commit, whether the
//! address is known, unknown, or the request or secret made up.

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
        otp::{Effect, EffectRefused, Pretended, Tried},
    },
    crypto::{code::CodeDigits, identifier::IdentifierKey, link_secret::LinkSecret, password::PasswordCheck},
    domain::{
        audit::AuditRecord,
        auth::{ResetRequest, SessionEnd, actions::AuthAction, events::PasswordResetCompleted, password_policy},
        event::{Event, EventOrigin, Personal},
        otp::CodePurpose,
        user::{Metadata, Profile, User, transition},
    },
    persistence::{
        Decision, Reader, Tx, TxFault, refuse, refuse_and_keep,
        tables::{registration, reset, timing_padding, user},
    },
    supervision::Command,
    types::{
        Call, EmailAddress, Failure, Fault, FieldError, Network, Secret, Timestamp,
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
    let named = NamedReset::find(context, &by).await?;
    check(context, new_password, named.email.as_ref())?;
    if CodeDigits::parse(code).is_err() {
        return Err(INVALID);
    }
    let hash = hash(context, call, new_password).await?;
    let pretended = match (count(context, call, &by, named.email.clone()).await, &named.email) {
        (Ok(()), Some(email)) => Pretended::Try { domain: email.domain().to_owned() },
        (Ok(()), None) | (Err(Failure::Refused(NoTryLeft)), _) => Pretended::Nothing,
        (Err(Failure::Fault(fault)), _) => return Err(fault.into()),
    };
    let (Some(owner), Pretended::Try { .. }) = (named.owner, &pretended) else {
        let mailbox = named.owner.unwrap_or_else(|| stand_in(context, &by));
        context.otp.pretend(call.context.clone(), mailbox, pretended).await?;
        return Err(INVALID);
    };
    let reset = Reset { owner, hash, key: context.keys.identifier.clone(), requested_at: named.requested_at };
    let tried = context.otp.verify(call.context.clone(), owner, PURPOSE, code, effect(reset)).await?;
    Ok((owner, tried))
}

/// What a try names.
struct NamedReset {
    /// The address; `None`: there is no such request.
    email: Option<EmailAddress>,
    /// Whose password the code is to set: the owner of the request or, by the address alone, its owner now.
    owner: Option<UserId>,
    /// When it was asked for, if the try names its request.
    requested_at: Option<Timestamp>,
}

impl NamedReset {
    async fn find(context: &AuthContext, by: &ResetBy) -> Result<Self, Fault> {
        let (by, now) = (by.clone(), context.system.clock().now());
        context.store.read(move |view| Self::find_in(view, &by, now)).await
    }

    fn find_in(reader: &impl Reader, by: &ResetBy, now: Timestamp) -> Result<Self, TxFault> {
        Ok(match by {
            ResetBy::Request(id) => match reset::find(reader, *id)? {
                Some(request) => {
                    Self { email: Some(request.email), owner: request.owner, requested_at: Some(request.created_at) }
                }
                None => Self { email: None, owner: None, requested_at: None },
            },
            ResetBy::Address(email) => {
                Self { email: Some(email.clone()), owner: owner_of(reader, email, now)?, requested_at: None }
            }
        })
    }
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
    let reset = Reset { owner, hash, key: context.keys.identifier.clone(), requested_at: None };
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

/// In whose mailbox a try waits that has no owner.
fn stand_in(context: &AuthContext, by: &ResetBy) -> UserId {
    let named = match by {
        ResetBy::Request(id) => id.to_string(),
        ResetBy::Address(email) => email.normal(),
    };
    identifiers::stand_in(&context.keys.identifier, &named)
}

/// There is no such request, its time is over, or the tries are used up.
struct NoTryLeft;

/// What a try is counted under: each has to have one left.
struct TryCounters {
    /// The request.
    request: Option<ResetId>,
    /// The tries of one network for one address in a day.
    day: Option<DayTries>,
}

struct DayTries {
    id: ResetId,
    email: EmailAddress,
    tries: u8,
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

/// Counts a code try, if one is left.
async fn count(
    context: &AuthContext,
    call: &Call,
    by: &ResetBy,
    email: Option<EmailAddress>,
) -> Result<(), Failure<NoTryLeft>> {
    let (request, form) = match by {
        ResetBy::Request(id) => (Some(*id), "request"),
        ResetBy::Address(_) => (None, "address"),
    };
    let day = email.map(|email| DayTries {
        id: day_id(context, form, &email, call.network()),
        email,
        tries: u8::try_from(context.settings.code.daily_tries_by_address).unwrap_or(u8::MAX),
    });
    let counters = TryCounters { request, day };
    context.store.decide(context.write(call), move |tx| commit_counted(tx, &counters)).await
}

fn commit_counted(tx: &mut Tx<'_>, counters: &TryCounters) -> Decision<(), NoTryLeft> {
    let (mut counted, mut is_left) = (Vec::new(), true);
    if let Some(id) = counters.request {
        let tried = reset::find(tx, id)?.and_then(|request| request.tried(tx.now()));
        is_left &= tried.is_some();
        counted.extend(tried);
    }
    if let Some(day) = &counters.day {
        let tried = of_day(tx, day.id, &day.email, day.tries)?.tried(tx.now());
        is_left &= tried.is_some();
        counted.extend(tried);
    }
    if is_left {
        counted.iter().try_for_each(|tried| reset::put(tx, tried))?;
        Ok(())
    } else {
        timing_padding::leave(tx)?;
        refuse_and_keep(NoTryLeft)
    }
}

/// The request under which the tries of a network for an address are counted: those that name a request, whichever it
/// is, or those that name the address alone.
fn day_id(context: &AuthContext, form: &'static str, email: &EmailAddress, network: Network) -> ResetId {
    let digest = context.keys.identifier.digest(&format!("reset by {form} {} {network}", email.normal()));
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
        kind: PasswordResetCompleted { user: owner }.into(),
        personal: Personal { email: Some(known.email.as_str().to_owned()), ..Personal::default() },
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
