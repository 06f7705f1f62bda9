//! Tries a code. The effect of the right code is part of the same commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use super::{
    ceiling,
    context::{OtpContext, linked},
    writes,
};
use crate::{
    crypto::{
        code::CodeDigits,
        link_secret::{LinkKeys, LinkSecret},
    },
    domain::{
        audit::AuditRecord,
        otp::{CodeLimits, CodePurpose, Guess, OneTimeCode, Try, actions::OtpAction, attempt, follow_link},
    },
    persistence::{
        Decision, Stop, Tx, TxFault,
        tables::{code, timing_padding},
    },
    types::{Call, Failure, Fault, Timestamp, id::UserId},
};

/// The effect of the right code, in the transaction that accepts it.
#[derive(Clone)]
pub struct Effect {
    /// Names the effect in the log.
    pub name: &'static str,
    /// Pure, because a repeated transaction runs it again.
    pub run: EffectRun,
}

/// The function of an effect. If it refuses, its writes are discarded.
pub type EffectRun = Arc<dyn Fn(&mut Tx<'_>) -> Decision<(), EffectRefused> + Send + Sync>;

/// The effect is no longer possible, so the code is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectRefused;

impl Effect {
    /// The effect `name` with the function `run`.
    pub fn new(
        name: &'static str,
        run: impl Fn(&mut Tx<'_>) -> Decision<(), EffectRefused> + Send + Sync + 'static,
    ) -> Self {
        Self { name, run: Arc::new(run) }
    }

    /// Applies the effect in the transaction of the code. If it refuses, its writes are discarded and the code stays
    /// unused. A panic is logged with the effect's name.
    fn apply(&self, tx: &mut Tx<'_>) -> Decision<(), EffectRefused> {
        match catch_unwind(AssertUnwindSafe(|| (self.run)(tx))) {
            Ok(Err(Stop::RefuseAndKeep(refused))) => Err(Stop::Refuse(refused)),
            Ok(decided) => decided,
            Err(panic) => {
                tracing::error!(effect = self.name, "the effect of a code panicked");
                resume_unwind(panic)
            }
        }
    }
}

/// The result of a code try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// The code is right, and the effect is committed.
    Right,
    /// The code is right and was used before; it has no effect.
    RightAgain,
    Wrong {
        /// The number of tries left.
        attempts_left: u8,
    },
    Expired,
    /// There is no code, or it is void, or its effect is no longer possible.
    Unknown,
}

/// The proof that the caller reads the mail or text message.
#[derive(Clone)]
pub enum CodeProof {
    /// The digits as typed.
    Digits(CodeDigits),
    /// The secret of the link.
    Link(LinkSecret),
}

/// A try of a code.
#[derive(Clone)]
pub struct CodeTry {
    pub purpose: CodePurpose,
    pub proof: CodeProof,
    pub counted: TryCount,
    /// Applied if the proof is right.
    pub effect: Effect,
}

/// What counts a try.
#[derive(Debug, Clone)]
pub enum TryCount {
    /// The code itself, as all codes but those of a password reset.
    Code,
    /// The request to reset a password that the try names; the request has counted it.
    Request(ResetTry),
}

/// A try of a code to reset a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetTry {
    /// The domain of the address of the request.
    pub domain: String,
    /// The tries that the request has left.
    pub tries_left: u8,
}

pub(super) async fn run(context: &Arc<OtpContext>, call: &Call, owner: UserId, tried: CodeTry) -> Result<Tried, Fault> {
    let judge = CodeJudge { limits: context.limits, links: Arc::clone(&context.links) };
    match context.store.decide(context.write(call), move |tx| commit(tx, owner, &tried, &judge)).await {
        Ok(result) => Ok(result),
        Err(Failure::Refused(EffectRefused)) => Ok(Tried::Unknown),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

/// The rules by which a proof is checked.
struct CodeJudge {
    limits: CodeLimits,
    links: Arc<LinkKeys>,
}

impl CodeJudge {
    /// Checks a proof against a code. A wrong secret of a link is not counted as a try of the code: `Try::Void`.
    fn judge(&self, code: &OneTimeCode, proof: &CodeProof, now: Timestamp) -> Try {
        match proof {
            CodeProof::Digits(typed) => {
                let right = CodeDigits::of_record(code.digits.clone()).matches(typed);
                attempt(code, if right { Guess::Right } else { Guess::Wrong }, now, &self.limits)
            }
            CodeProof::Link(secret) if self.links.match_code(secret, &linked(code)) => follow_link(code, now),
            CodeProof::Link(_) => Try::Void,
        }
    }
}

fn commit(tx: &mut Tx<'_>, owner: UserId, tried: &CodeTry, judge: &CodeJudge) -> Decision<Tried, EffectRefused> {
    let guarded = guarded_domain(tx, owner, tried)?;
    if let Some(domain) = &guarded
        && ceiling::is_reached(tx, domain, &judge.limits)?
    {
        return unchanged(tx, Tried::Unknown);
    }
    let Some(found) = code_of(tx, owner, tried, judge)? else {
        return no_code(tx, owner, (tried, Tried::Unknown), &judge.limits);
    };
    match judge.judge(&found, &tried.proof, tx.now()) {
        Try::Verified(used) => {
            tried.effect.apply(tx)?;
            writes::accept_code(tx, &used)?;
            Ok(Tried::Right)
        }
        Try::VerifiedBefore => Ok(Tried::RightAgain),
        Try::Wrong { code: counted, attempts_left } => {
            let attempts_left = match &tried.counted {
                TryCount::Code => attempts_left,
                TryCount::Request(reset) => reset.tries_left,
            };
            writes::count_wrong_try(tx, &counted, attempts_left)?;
            if let Some(domain) = &guarded {
                ceiling::count(tx, domain, &judge.limits)?;
            }
            Ok(Tried::Wrong { attempts_left })
        }
        Try::Expired => no_code(tx, owner, (tried, Tried::Expired), &judge.limits),
        Try::Void => no_code(tx, owner, (tried, Tried::Unknown), &judge.limits),
    }
}

/// The domain whose ceiling counts the try. Ceilings count the tries of unauthenticated clients, not those of signed-in
/// users, and not those of links.
fn guarded_domain(tx: &Tx<'_>, owner: UserId, tried: &CodeTry) -> Result<Option<String>, TxFault> {
    match (&tried.proof, &tried.counted, tried.purpose) {
        (CodeProof::Digits(_), TryCount::Request(reset), _) => Ok(Some(reset.domain.clone())),
        (CodeProof::Digits(_), TryCount::Code, CodePurpose::VerifyEmail) => ceiling::domain_of(tx, owner),
        (CodeProof::Digits(_), TryCount::Code, _) | (CodeProof::Link(_), ..) => Ok(None),
    }
}

/// Ends a try for which there is no valid code. One that a request counts is audited and counted as a wrong one, as it
/// is for a request whose address is unknown.
fn no_code(
    tx: &mut Tx<'_>,
    owner: UserId,
    (tried, result): (&CodeTry, Tried),
    limits: &CodeLimits,
) -> Decision<Tried, EffectRefused> {
    match (&tried.proof, &tried.counted) {
        (CodeProof::Digits(_), TryCount::Request(reset)) => {
            timing_padding::leave(tx)?;
            count_without_code(tx, Some(owner), reset, limits)?;
            Ok(result)
        }
        (CodeProof::Digits(_), TryCount::Code) | (CodeProof::Link(_), _) => unchanged(tx, result),
    }
}

/// The code against which a proof is checked.
fn code_of(tx: &mut Tx<'_>, owner: UserId, tried: &CodeTry, judge: &CodeJudge) -> Result<Option<OneTimeCode>, TxFault> {
    match (code::find(tx, owner, tried.purpose)?, &tried.proof) {
        (Some(found), _) => Ok(Some(found)),
        (None, CodeProof::Digits(_)) => writes::code_before_issue(tx, owner, tried.purpose, &judge.limits),
        (None, CodeProof::Link(_)) => Ok(None),
    }
}

/// Ends a try that changes nothing; it costs the same as one that does.
fn unchanged(tx: &mut Tx<'_>, result: Tried) -> Decision<Tried, EffectRefused> {
    timing_padding::leave(tx)?;
    Ok(result)
}

/// The work that is imitated for an owner that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pretended {
    /// An issue without a code, or a try without a code.
    Nothing,
    /// A try of a code that was not sent, because no user has the address of its request.
    Try(ResetTry),
}

pub(super) async fn pretend(context: &Arc<OtpContext>, call: &Call, pretended: Pretended) -> Result<(), Fault> {
    let limits = context.limits;
    context.store.write(context.write(call), move |tx| commit_pretended(tx, &pretended, &limits)).await
}

/// Costs the same as the real work. A try is audited and counted as a wrong one.
fn commit_pretended(tx: &mut Tx<'_>, pretended: &Pretended, limits: &CodeLimits) -> Result<(), TxFault> {
    timing_padding::leave(tx)?;
    let Pretended::Try(reset) = pretended else { return Ok(()) };
    if ceiling::is_reached(tx, &reset.domain, limits)? {
        return Ok(());
    }
    count_without_code(tx, None, reset, limits)
}

/// Audits and counts a wrong code to reset a password where there is no code to count it.
fn count_without_code(
    tx: &mut Tx<'_>,
    owner: Option<UserId>,
    reset: &ResetTry,
    limits: &CodeLimits,
) -> Result<(), TxFault> {
    // In the place of the event.
    timing_padding::leave(tx)?;
    let detail = writes::refused_detail(CodePurpose::ResetPassword, reset.tries_left);
    tx.audit(AuditRecord::refused(OtpAction::CodeRefused, owner).detail(detail))?;
    ceiling::count(tx, &reset.domain, limits)
}
