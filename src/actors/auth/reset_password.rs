//! A new password by the code or link that was mailed: ends all sessions, lifts the lockout that wrong passwords led
//! to, and verifies an address that never was.
//!
//! Every code try costs one hash and two commits, and every try of a link's secret one hash and one commit, also for an
//! unknown address, request or secret.

use std::{sync::Arc, time::Duration};

use super::{
    AuthContext,
    forgot_password::owner_of,
    identifiers, proof,
    writes::{end_all_sessions, forget_failures_of_prover, settle_proof},
};
use crate::{
    actors::{
        hasher::Priority,
        otp::{Effect, EffectRefused, Pretended, ResetTry, Tried},
    },
    crypto::{code::CodeDigits, identifier::IdentifierKey, link_secret::LinkSecret, password::PasswordCheck},
    domain::{
        audit::AuditRecord,
        auth::{ResetRequest, SessionEnd, actions::AuthAction, events::PasswordResetCompleted, password_policy},
        event::{Event, Personal},
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

/// Names the reset that a code was sent for.
#[derive(Debug, Clone)]
pub enum ResetBy {
    /// The id in the answer of `ForgotPassword`.
    Id(ResetId),
    /// Only the address; it has a lower limit of tries.
    Address(EmailAddress),
}

/// The proof that the caller reads mail to the address.
#[derive(Debug, Clone)]
pub enum ResetProof {
    /// The code from the mail.
    Code {
        /// The reset that the code was sent for.
        by: ResetBy,
        /// The code as typed.
        code: String,
    },
    /// The secret of the link in the same mail.
    Link(Secret),
}

/// Sets a new password.
#[derive(Debug, Clone)]
pub struct ResetPassword {
    pub proof: ResetProof,
    /// The new password; the policy is not checked yet.
    pub new_password: Secret,
}

/// The reason why the password is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResetRefusal {
    /// The policy refuses the password.
    Fields(Vec<FieldError>),
    /// The only refusal of a code or link, for every reason.
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

/// Tries a code; returns the owner of the code.
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
    let counted = match (count(context, call, &by, named.email.clone()).await, &named.email) {
        (Ok(tries_left), Some(email)) => Some(ResetTry { domain: email.domain().to_owned(), tries_left }),
        (Ok(_), None) | (Err(Failure::Refused(NoTryLeft)), _) => None,
        (Err(Failure::Fault(fault)), _) => return Err(fault.into()),
    };
    let (owner, counted) = match (named.owner, counted) {
        (Some(owner), Some(counted)) => (owner, counted),
        (owner, counted) => {
            let mailbox = owner.unwrap_or_else(|| stand_in(context, &by));
            let pretended = counted.map_or(Pretended::Nothing, Pretended::Try);
            context.otp.pretend(call.context.clone(), mailbox, pretended).await?;
            return Err(INVALID);
        }
    };
    let reset = Reset { owner, hash, key: context.keys.identifier.clone(), requested_at: named.requested_at };
    let tried = context.otp.verify_reset(call.context.clone(), owner, (code, counted), effect(reset)).await?;
    Ok((owner, tried))
}

/// The reset that a try names.
struct NamedReset {
    /// `None`: there is no such request.
    email: Option<EmailAddress>,
    /// The owner whose password is set: that of the request or, for a try by address, the present one of the address.
    owner: Option<UserId>,
    /// The time of the request, if the try names one.
    requested_at: Option<Timestamp>,
}

impl NamedReset {
    async fn find(context: &AuthContext, by: &ResetBy) -> Result<Self, Fault> {
        let (by, now) = (by.clone(), context.system.clock().now());
        context.store.read(move |view| Self::find_in(view, &by, now)).await
    }

    fn find_in(reader: &impl Reader, by: &ResetBy, now: Timestamp) -> Result<Self, TxFault> {
        Ok(match by {
            ResetBy::Id(id) => match reset::find(reader, *id)? {
                Some(request) => {
                    Self { email: Some(request.email), owner: request.owner, requested_at: Some(request.created_at) }
                }
                None => Self { email: None, owner: None, requested_at: None },
            },
            ResetBy::Address(email) => {
                let owner = match owner_of(reader, email, now)? {
                    Some(owner) => Some(proof::owner_of_used_code(reader, (owner, PURPOSE), email, now)?),
                    None => None,
                };
                Self { email: Some(email.clone()), owner, requested_at: None }
            }
        })
    }
}

/// Tries the secret of a link; returns the owner of the code. The password is compared with the address only if the
/// secret is right.
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

/// Refuses a password that violates the policy. The user name is not compared, because the answer would reveal it to a
/// caller who has not proven the address.
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

/// Whether the owner has this password, so that the request repeats one whose answer was lost. Only the right code of
/// an existing owner leads here, so the cost reveals nothing to others.
async fn is_set(context: &AuthContext, call: &Call, owner: UserId, password: Secret) -> Result<bool, Fault> {
    let found = context.store.read(move |view| proof::came_to_be(view, owner)).await?;
    let Some(hash) = found.and_then(|user| user.password_hash) else { return Ok(false) };
    let place = context.hasher.reserve(call.network(), Priority::Registration)?;
    Ok(match place.verify(hash, password).await? {
        PasswordCheck::Right | PasswordCheck::RightOutdated => true,
        PasswordCheck::Wrong => false,
    })
}

/// The mailbox of a try without an owner.
fn stand_in(context: &AuthContext, by: &ResetBy) -> UserId {
    let named = match by {
        ResetBy::Id(id) => id.to_string(),
        ResetBy::Address(email) => email.normal(),
    };
    identifiers::stand_in(&context.keys.identifier, &named)
}

/// The request does not exist or has expired, or no try is left.
struct NoTryLeft;

/// The counters of a try; each must have a try left.
struct TryCounters {
    request: Option<ResetId>,
    /// The tries of one network for one address in a day.
    day: Option<DayTries>,
}

struct DayTries {
    id: ResetId,
    email: EmailAddress,
    tries: u8,
}

/// The password that the right code sets.
struct Reset {
    owner: UserId,
    hash: String,
    /// Hashes the identifiers whose failed logins are forgotten.
    key: IdentifierKey,
    /// The time of the request, if the try names one: a later change of the password voids the request.
    requested_at: Option<Timestamp>,
}

/// Counts a code try, if one is left; returns the number of tries that are left after it.
async fn count(
    context: &AuthContext,
    call: &Call,
    by: &ResetBy,
    email: Option<EmailAddress>,
) -> Result<u8, Failure<NoTryLeft>> {
    let (request, form) = match by {
        ResetBy::Id(id) => (Some(*id), "request"),
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

fn commit_counted(tx: &mut Tx<'_>, counters: &TryCounters) -> Decision<u8, NoTryLeft> {
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
        Ok(counted.iter().map(|tried| tried.tries_left).min().unwrap_or(0))
    } else {
        timing_padding::leave(tx)?;
        refuse_and_keep(NoTryLeft)
    }
}

/// The id of the record that counts the tries of a network for an address, separately for tries that name any request
/// and tries that name only the address.
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

/// The effect of the right code, in the transaction that accepts it.
fn set_password(tx: &mut Tx<'_>, reset: &Reset) -> Decision<(), EffectRefused> {
    let known = match user::find(tx, reset.owner)? {
        Some(known) if was_changed_since(&known, reset.requested_at) => return refuse(EffectRefused),
        Some(known) => set_of_user(tx, known, &reset.hash)?,
        None => proof::become_user_of_address(tx, &reset.key, (reset.owner, &reset.hash))?,
    };
    let owner = known.id;
    forget_failures_of_prover(tx, &known, &reset.key)?;
    end_all_sessions(tx, owner, SessionEnd::PasswordReset)?;
    let event = Event {
        subject: owner,
        kind: PasswordResetCompleted { user: owner }.into(),
        personal: Personal { email: Some(known.email.as_str().to_owned()), ..Personal::default() },
    };
    tx.record(event, AuditRecord::done(AuthAction::ResetPassword, owner))?;
    Ok(())
}

/// Whether the password was changed after the request.
fn was_changed_since(known: &User, requested_at: Option<Timestamp>) -> bool {
    match (requested_at, known.password_changed_at) {
        (Some(requested), Some(changed)) => requested < changed,
        (Some(_), None) | (None, _) => false,
    }
}

/// Sets the password of a user and returns the user. A user with an unproven address keeps only the address, because
/// another person may have typed the other fields.
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
