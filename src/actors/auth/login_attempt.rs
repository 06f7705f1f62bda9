//! Counting tries of a password: reserved in a commit before it is tried, settled after it.

use super::{
    Call,
    context::AuthContext,
    login::{Candidate, Login},
};
use crate::{
    crypto::device_token::KnownDevice,
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        auth::lockout::{self, AfterWrong, Counters, LockoutLimits, RateOrigin, Reservation, Subject},
        event::{Event, EventKind, Personal},
    },
    persistence::{Reader, Tx, TxFault, Verdict, tables::failure},
    types::{EmailAddress, Fault, Principal, Timestamp, UserName, id::UserId},
};

/// Who is trying, from where, and what is known of both.
#[derive(Debug, Clone)]
pub(super) struct LoginAttempt {
    subject: Subject,
    origin: RateOrigin,
    user: Option<UserId>,
    device: Option<KnownDevice>,
    tried: AuditAction,
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
            Candidate::Registrant { .. } | Candidate::Nobody => {
                (Subject::Unknown(context.keys.identifier.digest(&counted_as(&command.identifier))), None, None)
            }
        };
        let origin = device.map_or(RateOrigin::Network(call.network()), |known| RateOrigin::Device(known.device));
        Self { subject, origin, user, device, tried: AuditAction::Login, last_of_day: None }
    }

    /// Somebody who is signed in already, and proves to be the user: counted by session, so that strangers
    /// cannot shut them out.
    pub(super) fn signed_in(principal: &Principal, tried: AuditAction) -> Self {
        let origin = RateOrigin::Device(*principal.session.as_bytes());
        let (subject, user) = (Subject::User(principal.user), Some(principal.user));
        Self { subject, origin, user, device: None, tried, last_of_day: None }
    }

    /// The device, if an earlier login gave it a token.
    pub(super) fn device(&self) -> Option<KnownDevice> {
        self.device
    }
}

/// How an identifier nobody has is counted: by the form in which users are looked up, so that variants are counted as
/// one exactly when they would be for a user.
fn counted_as(identifier: &str) -> String {
    match (EmailAddress::parse(identifier), UserName::parse(identifier)) {
        (Ok(address), _) => address.normal(),
        (Err(_), Ok(name)) => name.as_str().to_owned(),
        (Err(_), Err(_)) => format!("neither {identifier}"),
    }
}

/// So many were wrong that none is taken for a while; nothing was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LockedOutUntil(pub(super) Timestamp);

/// Counts the attempt and gives who makes it, or says until when none is taken.
pub(super) async fn reserve(
    context: &AuthContext,
    call: &Call,
    who: LoginAttempt,
) -> Result<Result<LoginAttempt, LockedOutUntil>, Fault> {
    let limits = limits_of(context);
    context
        .store
        .old_write(context.write(call), move |tx| {
            let counters = counters(tx, &who)?;
            match lockout::reserve(&counters, who.origin, tx.now(), &limits) {
                Reservation::Reserved(counted) => {
                    failure::put(tx, who.subject, who.origin, &counted)?;
                    let last_of_day = match who.origin {
                        RateOrigin::Network(_) => lockout::shut_for_the_day(counted.day.as_ref(), &limits),
                        RateOrigin::Device(_) => None,
                    };
                    Ok(Verdict::Commit(Ok(LoginAttempt { last_of_day, ..who.clone() })))
                }
                Reservation::LockedOut { until } => Ok(Verdict::Discard(Err(LockedOutUntil(until)))),
            }
        })
        .await
}

/// The password was wrong: the attempt stays counted, and a lock that it completed is told.
pub(super) async fn fail(context: &AuthContext, call: &Call, who: &LoginAttempt) -> Result<(), Fault> {
    let (who, limits) = (who.clone(), limits_of(context));
    context
        .store
        .old_write(context.write(call), move |tx| {
            settle_failure(tx, &who, &limits)?;
            Ok(Verdict::Commit(()))
        })
        .await
}

/// The attempt was never tried: its place is given back.
pub(super) async fn give_back(context: &AuthContext, call: &Call, who: &LoginAttempt) -> Result<(), Fault> {
    let who = who.clone();
    context
        .store
        .old_write(context.write(call), move |tx| {
            let settled = lockout::settle_untried(&counters(tx, &who)?, who.origin);
            failure::put(tx, who.subject, who.origin, &settled)?;
            Ok(Verdict::Commit(()))
        })
        .await
}

pub(super) fn limits_of(context: &AuthContext) -> LockoutLimits {
    LockoutLimits::from(&context.settings.lockout)
}

fn counters(reader: &impl Reader, who: &LoginAttempt) -> Result<Counters, TxFault> {
    failure::find(reader, who.subject, who.origin)
}

/// Keeps the attempt counted as wrong. Of identifiers nobody has only a lock is told, and never the identifier: it may
/// be a password.
pub(super) fn settle_failure(tx: &mut Tx<'_>, who: &LoginAttempt, limits: &LockoutLimits) -> Result<(), TxFault> {
    let Counters { origin, day } = counters(tx, who)?;
    let (after, settled) = lockout::settle_wrong(origin.as_ref(), limits);
    // A success may have emptied the day meanwhile.
    let day_until = who.last_of_day.filter(|_| lockout::shut_for_the_day(day.as_ref(), limits).is_some());
    failure::put(tx, who.subject, who.origin, &Counters { origin: settled, day })?;
    if let Some(user) = who.user {
        note(tx, user, EventKind::UserLoginFailed { user })?;
        audit(tx, who.tried, AuditResult::Refused, who.user)?;
    }
    let origin_until = match after {
        AfterWrong::Open => None,
        AfterWrong::Locked { until } => Some(until),
    };
    let Some(until) = origin_until.max(day_until) else { return Ok(()) };
    if let Some(user) = who.user {
        note(tx, user, EventKind::UserLockedOut { user, until })?;
    }
    audit(tx, AuditAction::LockOut, AuditResult::Done, who.user)
}

/// The password was right: failures from where it came from are forgotten, and those of the day. What others tried from
/// elsewhere stays counted.
pub(super) fn settle_success(tx: &mut Tx<'_>, who: &LoginAttempt) -> Result<(), TxFault> {
    failure::forget_origin(tx, who.subject, who.origin)
}

fn note(tx: &mut Tx<'_>, subject: UserId, kind: EventKind) -> Result<(), TxFault> {
    let personal = Personal::of_call(tx.context());
    tx.emit(Event { subject, kind, personal })?;
    Ok(())
}

fn audit(tx: &mut Tx<'_>, action: AuditAction, result: AuditResult, subject: Option<UserId>) -> Result<(), TxFault> {
    tx.audit(AuditRecord { action, result, subject, detail: String::new() })
}
