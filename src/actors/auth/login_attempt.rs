//! Login attempts: counted in a commit before the password is tried, settled after it.

use std::time::Duration;

use super::{
    context::AuthContext,
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
        event::{Event, EventKind, EventOrigin, Personal},
    },
    persistence::{Decision, Reader, Tx, TxFault, refuse, tables::failure},
    types::{Call, EmailAddress, Failure, Fault, Principal, Timestamp, UserName, id::UserId},
};

/// Who is trying, from where, and what is known of both.
#[derive(Debug, Clone)]
pub(super) struct LoginAttempt {
    subject: Subject,
    origin: RateOrigin,
    user: Option<UserId>,
    device: Option<KnownDevice>,
    tried: AuthAction,
    /// Set with the attempt's place: it took the last one of the day, which ends then.
    last_of_day: Option<Timestamp>,
}

impl LoginAttempt {
    pub(super) fn of(context: &AuthContext, call: &Call, candidate: &Candidate, command: &Login) -> Self {
        let (subject, user, device) = match candidate {
            Candidate::User(user) => {
                let device = context.known_device(command.device_token.as_ref(), user);
                (Subject::User(user.id), Some(user.id), device)
            }
            Candidate::Registrant { .. } | Candidate::Unknown => {
                (Subject::Unknown(context.keys.identifier.digest(&counted_as(&command.identifier))), None, None)
            }
        };
        let origin = device.map_or(RateOrigin::Network(call.network()), |known| RateOrigin::Device(known.device));
        Self { subject, origin, user, device, tried: AuthAction::Login, last_of_day: None }
    }

    /// A signed-in user who proves it again: counted by session, so that others cannot lock the user out.
    pub(super) fn signed_in(principal: &Principal, tried: AuthAction) -> Self {
        let origin = RateOrigin::Device(*principal.session.as_bytes());
        let (subject, user) = (Subject::User(principal.user), Some(principal.user));
        Self { subject, origin, user, device: None, tried, last_of_day: None }
    }

    /// The device, if an earlier login gave it a token.
    pub(super) fn device(&self) -> Option<KnownDevice> {
        self.device
    }
}

/// How an identifier that no user has is counted: by the form in which users are looked up, so that variants count as
/// one exactly when they would be for a user.
fn counted_as(identifier: &str) -> String {
    match (EmailAddress::parse(identifier), UserName::parse(identifier)) {
        (Ok(address), _) => address.normal(),
        (Err(_), Ok(name)) => name.as_str().to_owned(),
        (Err(_), Err(_)) => format!("neither {identifier}"),
    }
}

/// After too many failures no attempt is taken for a while; nothing was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AttemptsLockedOut {
    /// How long, from now.
    pub(super) wait: Duration,
}

/// Counts the attempt and gives it as it is to be settled, or refuses it while none is taken.
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
    let now = tx.now();
    match lockout::reserve(&counters(tx, attempt)?, attempt.origin, now, limits) {
        Reservation::Reserved(counted) => {
            failure::put(tx, attempt.subject, attempt.origin, &counted)?;
            let last_of_day = match attempt.origin {
                RateOrigin::Network(_) => lockout::shut_for_the_day(counted.day.as_ref(), limits),
                RateOrigin::Device(_) => None,
            };
            Ok(LoginAttempt { last_of_day, ..attempt.clone() })
        }
        Reservation::LockedOut { until } => refuse(AttemptsLockedOut { wait: until.since(now) }),
    }
}

/// The password was wrong: the attempt stays counted, and a lockout that it completed is recorded.
pub(super) async fn fail(context: &AuthContext, call: &Call, attempt: &LoginAttempt) -> Result<(), Fault> {
    let (attempt, limits) = (attempt.clone(), limits_of(context));
    context.store.write(context.write(call), move |tx| settle_failure(tx, &attempt, &limits)).await
}

/// The attempt was never tried: its place is given back.
pub(super) async fn give_back(context: &AuthContext, call: &Call, attempt: &LoginAttempt) -> Result<(), Fault> {
    let attempt = attempt.clone();
    context.store.write(context.write(call), move |tx| settle_untried(tx, &attempt)).await
}

pub(super) fn limits_of(context: &AuthContext) -> LockoutLimits {
    LockoutLimits::from(&context.settings.lockout)
}

fn counters(reader: &impl Reader, attempt: &LoginAttempt) -> Result<Counters, TxFault> {
    failure::find(reader, attempt.subject, attempt.origin)
}

fn settle_untried(tx: &mut Tx<'_>, attempt: &LoginAttempt) -> Result<(), TxFault> {
    let settled = lockout::settle_untried(&counters(tx, attempt)?, attempt.origin);
    failure::put(tx, attempt.subject, attempt.origin, &settled)
}

/// Keeps the attempt counted as wrong. Of identifiers that no user has, only a lockout is recorded, and never the
/// identifier: it may be a password.
pub(super) fn settle_failure(tx: &mut Tx<'_>, attempt: &LoginAttempt, limits: &LockoutLimits) -> Result<(), TxFault> {
    let Counters { origin, day } = counters(tx, attempt)?;
    let (after, settled) = lockout::settle_wrong(origin.as_ref(), limits);
    // A success may have emptied the day meanwhile.
    let day_until = attempt.last_of_day.filter(|_| lockout::shut_for_the_day(day.as_ref(), limits).is_some());
    failure::put(tx, attempt.subject, attempt.origin, &Counters { origin: settled, day })?;
    if let Some(user) = attempt.user {
        record(tx, user, UserLoginFailed { user }, AuditRecord::refused(attempt.tried, user))?;
    }
    let origin_until = match after {
        AfterWrong::Open => None,
        AfterWrong::Locked { until } => Some(until),
    };
    let Some(until) = origin_until.max(day_until) else { return Ok(()) };
    let entry = AuditRecord::done(AuthAction::LockOut, attempt.user);
    match attempt.user {
        Some(user) => record(tx, user, UserLockedOut { user, until }, entry),
        None => tx.audit(entry),
    }
}

/// The password was right: failures from where it came from are forgotten, and those of the day. What others tried from
/// elsewhere stays counted.
pub(super) fn settle_success(tx: &mut Tx<'_>, attempt: &LoginAttempt) -> Result<(), TxFault> {
    failure::forget_origin(tx, attempt.subject, attempt.origin)
}

fn record(tx: &mut Tx<'_>, subject: UserId, kind: impl Into<EventKind>, entry: AuditRecord) -> Result<(), TxFault> {
    tx.record(EventOrigin::Call, Event { subject, kind: kind.into(), personal: Personal::default() }, entry)?;
    Ok(())
}
