//! Trying a code. What the right one proves takes effect in the same commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use super::{
    context::{OtpContext, linked},
    writes,
};
use crate::{
    crypto::{
        code::CodeDigits,
        link_secret::{LinkKeys, LinkSecret},
    },
    domain::otp::{CodeLimits, CodePurpose, Guess, OneTimeCode, Try, attempt, follow_link},
    persistence::{
        Decision, Stop, Tx,
        tables::{code, timing_padding},
    },
    types::{Call, Failure, Fault, Timestamp, id::UserId},
};

/// What the right code does, in the commit that takes it.
#[derive(Clone)]
pub struct Effect {
    /// Its name in the log.
    pub name: &'static str,
    /// What it does; pure, and run again if the transaction is.
    pub run: EffectRun,
}

/// The function of an effect. It keeps nothing when it refuses.
pub type EffectRun = Arc<dyn Fn(&mut Tx<'_>) -> Decision<(), EffectRefused> + Send + Sync>;

/// The effect can do nothing any more, so the code is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectRefused;

impl Effect {
    /// The effect `name`, which does what `run` does.
    pub fn new(
        name: &'static str,
        run: impl Fn(&mut Tx<'_>) -> Decision<(), EffectRefused> + Send + Sync + 'static,
    ) -> Self {
        Self { name, run: Arc::new(run) }
    }

    /// Does it in the transaction of the code. If it refuses, nothing that it wrote is kept and the code stays unused.
    /// A panic in it is logged with its name.
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

/// What a try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// Right: the effect is committed.
    Right,
    /// Right, and used before: without effect.
    RightAgain,
    /// Wrong.
    Wrong {
        /// Tries that are left.
        attempts_left: u8,
    },
    /// Its time was over.
    Expired,
    /// There is no code, or it is void, or its effect is not to be had any more.
    Unknown,
}

/// What shows that its sender reads the mail.
#[derive(Clone)]
pub enum CodeProof {
    /// What was typed.
    Digits(CodeDigits),
    /// The secret of the link.
    Link(LinkSecret),
}

/// A try of a code.
#[derive(Clone)]
pub struct CodeTry {
    /// What the code proves.
    pub purpose: CodePurpose,
    /// The code or its link.
    pub proof: CodeProof,
    /// What the right code does.
    pub effect: Effect,
}

pub(super) async fn run(context: &Arc<OtpContext>, call: &Call, owner: UserId, tried: CodeTry) -> Result<Tried, Fault> {
    let judge = CodeJudge { limits: context.limits, links: Arc::clone(&context.links) };
    match context.store.decide(context.write(call), move |tx| commit(tx, owner, &tried, &judge)).await {
        Ok(came_to) => Ok(came_to),
        Err(Failure::Refused(EffectRefused)) => Ok(Tried::Unknown),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

/// What a proof is held against.
struct CodeJudge {
    limits: CodeLimits,
    links: Arc<LinkKeys>,
}

impl CodeJudge {
    /// What a proof does to a code. A secret that is not the code's counts as no try of it: `Try::Void`.
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
    let Some(found) = code::find(tx, owner, tried.purpose)? else { return unchanged(tx, Tried::Unknown) };
    match judge.judge(&found, &tried.proof, tx.now()) {
        Try::Verified(used) => {
            tried.effect.apply(tx)?;
            writes::accept_code(tx, &used)?;
            Ok(Tried::Right)
        }
        Try::VerifiedBefore => Ok(Tried::RightAgain),
        Try::Wrong { code: counted, attempts_left } => {
            writes::count_wrong_try(tx, &counted, attempts_left)?;
            Ok(Tried::Wrong { attempts_left })
        }
        Try::Expired => unchanged(tx, Tried::Expired),
        Try::Void => unchanged(tx, Tried::Unknown),
    }
}

/// A try that changes nothing costs what one costs that does.
fn unchanged(tx: &mut Tx<'_>, came_to: Tried) -> Decision<Tried, EffectRefused> {
    timing_padding::leave(tx)?;
    Ok(came_to)
}
