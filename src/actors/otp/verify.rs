//! Trying a code. What the right one proves takes effect in the same commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use super::{context::OtpContext, writes};
use crate::{
    crypto,
    domain::otp::{CodeLimits, CodePurpose, Guess, Try, attempt},
    persistence::{
        Decision, Stop, Tx,
        tables::{code, timing_padding},
    },
    types::{Call, Failure, Fault, id::UserId},
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

/// A try of a code.
#[derive(Clone)]
pub struct CodeTry {
    /// What the code proves.
    pub purpose: CodePurpose,
    /// What was typed.
    pub typed: crypto::code::CodeDigits,
    /// What the right code does.
    pub effect: Effect,
}

pub(super) async fn run(context: &Arc<OtpContext>, call: &Call, owner: UserId, tried: CodeTry) -> Result<Tried, Fault> {
    let limits = context.limits;
    match context.store.decide(context.write(call), move |tx| commit(tx, owner, &tried, &limits)).await {
        Ok(came_to) => Ok(came_to),
        Err(Failure::Refused(EffectRefused)) => Ok(Tried::Unknown),
        Err(Failure::Fault(fault)) => Err(fault),
    }
}

fn commit(tx: &mut Tx<'_>, owner: UserId, tried: &CodeTry, limits: &CodeLimits) -> Decision<Tried, EffectRefused> {
    let Some(found) = code::find(tx, owner, tried.purpose)? else { return unchanged(tx, Tried::Unknown) };
    let right = crypto::code::CodeDigits::of_record(found.digits).matches(&tried.typed);
    let guess = if right { Guess::Right } else { Guess::Wrong };
    match attempt(&found, guess, tx.now(), limits) {
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
