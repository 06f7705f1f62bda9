//! Login attempts: counted in a commit before the password is checked, settled after the check.

use std::time::Duration;

use super::{
    context::AuthContext,
    identifiers,
    login::{Candidate, Login},
};
use crate::{
    crypto::device_token::KnownDevice,
    domain::{
        audit::AuditRecord,
        auth::{
            actions::AuthAction,
            events::{UserLockedOut, UserLoginFailed},
            lockout::{self, AfterWrong, Counters, LockoutLimits, RateOrigin, Reservation, Subject},
        },
        event::{Event, EventKind, Personal},
    },
    persistence::{
        Decision, Tx, TxFault, refuse,
        tables::{failure, timing_padding},
    },
    types::{Call, Failure, Fault, Principal, Timestamp, id::UserId},
};

/// The subjects and the origin of a login attempt.
#[derive(Debug, Clone)]
pub(super) struct LoginAttempt {
    /// The typed identifier, or the signed-in user. Its lock is answered.
    named: Subject,
    /// The user whose password is checked, or its stand-in. Its lock is not answered. `None`: `named` is the user.
    holder: Option<Subject>,
    origin: RateOrigin,
    user: Option<UserId>,
    device: Option<KnownDevice>,
    tried: AuthAction,
    /// The detail of an audit entry for an identifier that no user has.
    shown: String,
    /// Set by `reserve`: the user is locked out, so no password is right.
    is_barred: bool,
    /// Set by `reserve` if the attempt is the last allowed one of the day: the end of the daily lockout.
    last_of_day: Option<Timestamp>,
}

impl LoginAttempt {
    pub(super) fn of(context: &AuthContext, call: &Call, candidate: &Candidate, command: &Login) -> Self {
        let (key, typed) = (&context.keys.identifier, &command.identifier);
        let named = identifiers::named(key, typed);
        let (holder, user, device) = match candidate {
            Candidate::User(user) => {
                let device = context.known_device(command.device_token.as_ref(), user);
                (Subject::User(user.id), Some(user.id), device)
            }
            Candidate::Registrant { .. } | Candidate::Unknown => {
                (identifiers::in_place_of_user(key, typed), None, None)
            }
        };
        let origin = device.map_or(RateOrigin::Network(call.network()), |known| RateOrigin::Device(known.device));
        let shown = match named {
            Subject::Identifier(digest) => format!("identifier={}", key.short(&digest)),
            Subject::User(_) => String::new(),
        };
        let holder = Some(holder);
        let tried = AuthAction::Login;
        Self { named, holder, origin, user, device, tried, shown, is_barred: false, last_of_day: None }
    }

    /// The attempt of a signed-in user, counted by session, so that other clients cannot lock the user out.
    pub(super) fn signed_in(principal: &Principal, tried: AuthAction) -> Self {
        let origin = RateOrigin::Device(*principal.session.as_bytes());
        let (named, user) = (Subject::User(principal.user), Some(principal.user));
        let (holder, shown) = (None, String::new());
        Self { named, holder, origin, user, device: None, tried, shown, is_barred: false, last_of_day: None }
    }

    /// The known device of the attempt.
    pub(super) fn device(&self) -> Option<KnownDevice> {
        self.device
    }

    /// Whether the user is locked out. The attempt costs the same as any other, and fails.
    pub(super) fn is_barred(&self) -> bool {
        self.is_barred
    }

    /// The subjects under which the attempt is counted, without a user who is locked out.
    fn counted(&self) -> impl Iterator<Item = Subject> + use<> {
        let holder = self.holder.filter(|_| !self.is_barred);
        [Some(self.named), holder].into_iter().flatten()
    }
}

/// No attempt is accepted after too many failures; the password was not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AttemptsLockedOut {
    /// The time until the next attempt is accepted.
    pub(super) wait: Duration,
}

/// Counts the attempt and returns it for its settlement, or refuses it during a lockout.
pub(super) async fn reserve(
    context: &AuthContext,
    call: &Call,
    attempt: LoginAttempt,
) -> Result<LoginAttempt, Failure<AttemptsLockedOut>> {
    let limits = limits_of(context);
    context.store.decide(context.write(call), move |tx| commit_reserved(tx, &attempt, &limits)).await
}

fn commit_reserved(
    tx: &mut Tx<'_>,
    attempt: &LoginAttempt,
    limits: &LockoutLimits,
) -> Decision<LoginAttempt, AttemptsLockedOut> {
    let (origin, now) = (attempt.origin, tx.now());
    let named = match lockout::reserve(&failure::find(tx, attempt.named, origin)?, origin, now, limits) {
        Reservation::Reserved(counted) => counted,
        Reservation::LockedOut { until } => return refuse(AttemptsLockedOut { wait: until.since(now) }),
    };
    failure::put(tx, attempt.named, origin, &named)?;
    let (held, is_barred) = match attempt.holder {
        None => (named, false),
        Some(holder) => {
            let before = failure::find(tx, holder, origin)?;
            let (held, is_barred) = match lockout::reserve(&before, origin, now, limits) {
                Reservation::Reserved(counted) => (counted, false),
                Reservation::LockedOut { .. } => (before, true),
            };
            // Written in both cases, so that a lock and a count cost the same.
            failure::put(tx, holder, origin, &held)?;
            (held, is_barred)
        }
    };
    let last_of_day = match origin {
        RateOrigin::Network(_) => lockout::locked_for_the_day(held.day.as_ref(), limits),
        RateOrigin::Device(_) => None,
    };
    Ok(LoginAttempt { is_barred, last_of_day: last_of_day.filter(|_| !is_barred), ..attempt.clone() })
}

/// Settles a wrong password: the attempt stays counted, and a lockout that it begins is recorded.
pub(super) async fn fail(context: &AuthContext, call: &Call, attempt: &LoginAttempt) -> Result<(), Fault> {
    let (attempt, limits) = (attempt.clone(), limits_of(context));
    context.store.write(context.write(call), move |tx| settle_failure(tx, &attempt, &limits)).await
}

/// Settles a right password in a transaction of its own.
pub(super) async fn succeed(context: &AuthContext, call: &Call, attempt: &LoginAttempt) -> Result<(), Fault> {
    let attempt = attempt.clone();
    context.store.write(context.write(call), move |tx| settle_success(tx, &attempt)).await
}

/// Releases an attempt whose password was not checked.
pub(super) async fn give_back(context: &AuthContext, call: &Call, attempt: &LoginAttempt) -> Result<(), Fault> {
    let attempt = attempt.clone();
    context.store.write(context.write(call), move |tx| settle_untried(tx, &attempt)).await
}

pub(super) fn limits_of(context: &AuthContext) -> LockoutLimits {
    LockoutLimits::from(&context.settings.lockout)
}

fn settle_untried(tx: &mut Tx<'_>, attempt: &LoginAttempt) -> Result<(), TxFault> {
    for subject in attempt.counted() {
        let settled = lockout::settle_untried(&failure::find(tx, subject, attempt.origin)?, attempt.origin);
        failure::put(tx, subject, attempt.origin, &settled)?;
    }
    Ok(())
}

/// Counts the attempt as failed. For an identifier that no user has, only a lockout is recorded, without the
/// identifier, which may be a password.
pub(super) fn settle_failure(tx: &mut Tx<'_>, attempt: &LoginAttempt, limits: &LockoutLimits) -> Result<(), TxFault> {
    let mut locked_until = None;
    for subject in attempt.counted() {
        // The last subject decides: the user, or the stand-in of an unknown identifier.
        locked_until = settle_wrong_of(tx, subject, attempt, limits)?;
    }
    match attempt.user {
        Some(user) => {
            let entry = AuditRecord::refused(attempt.tried, user);
            let entry = if attempt.is_barred { entry.detail("reason=locked_out") } else { entry };
            record(tx, user, UserLoginFailed { user }, entry)?;
        }
        None => timing_padding::leave(tx)?,
    }
    let Some(until) = locked_until.filter(|_| !attempt.is_barred) else { return Ok(()) };
    let entry = AuditRecord::done(AuthAction::LockOut, attempt.user);
    match attempt.user {
        Some(user) => record(tx, user, UserLockedOut { user, until }, entry),
        None => tx.audit(entry.detail(attempt.shown.clone())),
    }
}

/// Counts a wrong password for a subject; returns the end of a lockout that it begins.
fn settle_wrong_of(
    tx: &mut Tx<'_>,
    subject: Subject,
    attempt: &LoginAttempt,
    limits: &LockoutLimits,
) -> Result<Option<Timestamp>, TxFault> {
    let Counters { origin, day } = failure::find(tx, subject, attempt.origin)?;
    let (after, settled) = lockout::settle_wrong(origin.as_ref(), limits);
    // A successful login may have cleared the day's failures since the reservation.
    let day_until = attempt.last_of_day.filter(|_| lockout::locked_for_the_day(day.as_ref(), limits).is_some());
    failure::put(tx, subject, attempt.origin, &Counters { origin: settled, day })?;
    let origin_until = match after {
        AfterWrong::Open => None,
        AfterWrong::Locked { until } => Some(until),
    };
    Ok(origin_until.max(day_until))
}

/// Settles a right password: clears the failures of its origin and of the day. Failures of other origins, and of other
/// identifiers of the user, stay counted.
pub(super) fn settle_success(tx: &mut Tx<'_>, attempt: &LoginAttempt) -> Result<(), TxFault> {
    attempt.counted().try_for_each(|subject| failure::forget_origin(tx, subject, attempt.origin))
}

fn record(tx: &mut Tx<'_>, subject: UserId, kind: impl Into<EventKind>, entry: AuditRecord) -> Result<(), TxFault> {
    tx.record(Event { subject, kind: kind.into(), personal: Personal::default() }, entry)?;
    Ok(())
}
