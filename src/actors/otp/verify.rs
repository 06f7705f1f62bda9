//! Trying a code. What the right one proves takes effect in the same commit.

use std::sync::Arc;

use super::context::OtpContext;
use crate::{
    crypto,
    domain::{
        audit::{AuditAction, AuditRecord, AuditResult},
        event::{Event, EventKind, Personal},
        otp::{CodePurpose, Guess, OneTimeCode, Try, attempt},
    },
    persistence::{
        Decision, Stop, Tx, TxFault, Verdict, Write,
        tables::{code, timing_padding},
    },
    types::{Call, Fault, id::UserId},
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
    context
        .store
        .old_write(Write::of(&call, context.system.stamp()), move |tx| {
            let Some(found) = code::find(tx, owner, tried.purpose)? else {
                return nothing(tx, Tried::Unknown);
            };
            let right = crypto::code::CodeDigits::of_record(found.digits).matches(&tried.typed);
            let guess = if right { Guess::Right } else { Guess::Wrong };
            match attempt(&found, guess, tx.now(), &limits) {
                Try::Verified(used) => {
                    match (tried.effect.run)(tx) {
                        Ok(()) => {}
                        Err(Stop::Refuse(EffectRefused) | Stop::RefuseAndKeep(EffectRefused)) => {
                            return Ok(Verdict::Discard(Tried::Unknown));
                        }
                        Err(Stop::Fault(fault)) => return Err(fault),
                    }
                    code::put(tx, &used)?;
                    tell(tx, owner, EventKind::OtpVerified { owner, code: used.id, purpose: used.purpose })?;
                    Ok(Verdict::Commit(Tried::Right))
                }
                Try::VerifiedBefore => Ok(Verdict::Commit(Tried::RightAgain)),
                Try::Wrong { code: counted, attempts_left } => {
                    code::put(tx, &counted)?;
                    refuse(tx, &counted, attempts_left)?;
                    Ok(Verdict::Commit(Tried::Wrong { attempts_left }))
                }
                Try::Expired => nothing(tx, Tried::Expired),
                Try::Void => nothing(tx, Tried::Unknown),
            }
        })
        .await
}

/// A try that changes nothing costs what one costs that does.
fn nothing(tx: &mut Tx<'_>, came_to: Tried) -> Result<Verdict<Tried>, TxFault> {
    timing_padding::leave(tx)?;
    Ok(Verdict::Commit(came_to))
}

fn refuse(tx: &mut Tx<'_>, counted: &OneTimeCode, attempts_left: u8) -> Result<(), TxFault> {
    let (owner, purpose) = (counted.owner, counted.purpose);
    tell(tx, owner, EventKind::OtpFailed { owner, code: counted.id, purpose, attempts_left })?;
    tx.audit(AuditRecord {
        action: AuditAction::CodeRefused,
        result: AuditResult::Refused,
        subject: Some(owner),
        detail: format!("purpose={} attempts_left={attempts_left}", purpose.as_str()),
    })
}

fn tell(tx: &mut Tx<'_>, owner: UserId, kind: EventKind) -> Result<(), TxFault> {
    let personal = Personal::of_call(tx.context());
    tx.emit(Event { subject: owner, kind, personal })?;
    Ok(())
}
