//! One-time codes: `OtpActor`, the directory of one child actor for each user or registration that has a code.
//!
//! - **Owns:** the table of codes.
//! - **Wakes on:** calls of its handle, the event of a registration or a reset, the expiry of a code.
//! - **Promises:** codes are tried in the order of their owner's requests, and accepted only by a transaction.
//! - **Loses on crash:** nothing; a child reads the store again.
//!
//! Must not know: how a code is delivered, HTTP. Begin with `verify.rs`.

mod ceiling;
mod child;
mod code_state;
mod context;
mod expire;
mod issue;
mod reveal;
mod subscriber;
mod verify;
pub(crate) mod writes;

use std::sync::Arc;

pub use child::OtpMessage;
pub use code_state::CodeState;
pub use issue::{CodeOrder, Issued};
pub use reveal::LiveCode;
pub use subscriber::OtpSubscriber;
pub use verify::{CodeProof, CodeTry, Effect, EffectRefused, EffectRun, Pretended, ResetTry, Tried, TryCount};

use self::{child::OtpChild, context::OtpContext};
use crate::{
    config,
    crypto::{code::CodeDigits, link_secret::LinkSecret},
    domain::otp::CodePurpose,
    persistence::Store,
    supervision::{Directory, DirectoryBounds, Spec, Supervisor, System},
    types::{
        CallContext, Fault,
        id::{CodeId, UserId},
        limits,
    },
};

/// The `kind` of the directory, for operators.
const KIND: &str = "OtpActor";

/// The handle of the one-time codes. Cheap to clone.
#[derive(Clone)]
pub struct Otp {
    directory: Directory<UserId, OtpMessage>,
    context: Arc<OtpContext>,
}

impl Otp {
    /// Adds the directory of children to `supervisor` and returns its handle.
    pub fn supervised(
        supervisor: &mut Supervisor,
        spec: Spec,
        system: System,
        store: Store,
        settings: &config::AuthConfig,
    ) -> Self {
        let context = OtpContext::new(system, store, settings);
        let shared = Arc::clone(&context);
        let child = move |owner: &UserId| OtpChild::new(Arc::clone(&shared), *owner);
        Self { directory: supervisor.directory(spec.kind(KIND), DirectoryBounds::default(), child), context }
    }

    /// Issues a code to its owner, for the cause `order`.
    pub async fn issue(
        &self,
        context: CallContext,
        owner: UserId,
        purpose: CodePurpose,
        order: CodeOrder,
    ) -> Result<Issued, Fault> {
        let make = |reply| OtpMessage::Issue(context, purpose, order, reply);
        self.directory.call(&owner, limits::CALL_DEADLINE, make).await
    }

    /// Tries a typed code; the right code applies `effect` in the same commit. A text without the form of a code is not
    /// counted as a try.
    pub async fn verify(
        &self,
        context: CallContext,
        owner: UserId,
        purpose: CodePurpose,
        typed: &str,
        effect: Effect,
    ) -> Result<Tried, Fault> {
        let Ok(typed) = CodeDigits::parse(typed) else { return Ok(Tried::Unknown) };
        let proof = CodeProof::Digits(typed);
        self.tried(context, owner, CodeTry { purpose, proof, counted: TryCount::Code, effect }).await
    }

    /// Tries a typed code to reset a password, which the request `reset` has counted; otherwise as `verify`.
    pub async fn verify_reset(
        &self,
        context: CallContext,
        owner: UserId,
        (typed, reset): (&str, ResetTry),
        effect: Effect,
    ) -> Result<Tried, Fault> {
        let Ok(typed) = CodeDigits::parse(typed) else { return Ok(Tried::Unknown) };
        let (purpose, proof) = (CodePurpose::ResetPassword, CodeProof::Digits(typed));
        self.tried(context, owner, CodeTry { purpose, proof, counted: TryCount::Request(reset), effect }).await
    }

    /// Tries the secret of a link; `effect` is what the right one does, in the same commit. A wrong one counts against
    /// no code.
    pub async fn follow_link(
        &self,
        context: CallContext,
        secret: LinkSecret,
        purpose: CodePurpose,
        effect: Effect,
    ) -> Result<Tried, Fault> {
        let owner = secret.owner();
        let proof = CodeProof::Link(secret);
        self.tried(context, owner, CodeTry { purpose, proof, counted: TryCount::Code, effect }).await
    }

    async fn tried(&self, context: CallContext, owner: UserId, attempt: CodeTry) -> Result<Tried, Fault> {
        let make = |reply| OtpMessage::Verify(context, attempt, reply);
        self.directory.call(&owner, limits::CALL_DEADLINE, make).await
    }

    /// Whether a secret belongs to a code that is not void and has not expired.
    pub async fn knows_link(&self, secret: &LinkSecret, purpose: CodePurpose) -> Result<bool, Fault> {
        reveal::knows_link(&self.context, secret, purpose).await
    }

    /// The digits of a code and the secret of its link, for their delivery; `None` if the code is used, void, expired
    /// or replaced.
    pub async fn reveal(&self, owner: UserId, purpose: CodePurpose, code: CodeId) -> Result<Option<LiveCode>, Fault> {
        reveal::run(&self.context, owner, purpose, code).await
    }

    /// The state of a code, for its owner; `None`: the owner has no such code.
    pub async fn standing(&self, owner: UserId, code: CodeId) -> Result<Option<CodeState>, Fault> {
        code_state::run(&self.context, owner, code).await
    }

    /// Costs the same as a try or an issue, for an owner that does not exist; waits in the mailbox of `stand_in`.
    pub async fn pretend(&self, context: CallContext, stand_in: UserId, pretended: Pretended) -> Result<(), Fault> {
        let make = |reply| OtpMessage::Pretend(context, pretended, reply);
        self.directory.call(&stand_in, limits::CALL_DEADLINE, make).await
    }
}
