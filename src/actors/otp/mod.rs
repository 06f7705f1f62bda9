//! One-time codes, one child actor for each user or registration that has one at work.
//!
//! - **Owns:** the table of codes.
//! - **Wakes on:** commands of its handle, the news of a registration or a reset, the end of a code's time.
//! - **Promises:** a code is tried in the order its owner's requests came, and accepted in a transaction only.
//! - **Loses on crash:** nothing; a child reads the store again.
//!
//! Must not know: who delivers a code, HTTP. Begin with `verify.rs`.

mod child;
mod desk;
mod expire;
mod issue;
mod news;
mod reveal;
mod standing;
mod verify;

use std::sync::Arc;

pub use child::OtpMessage;
pub(crate) use expire::end as end_code;
pub use issue::{Issued, Order};
pub use news::OtpNews;
pub use reveal::LiveCode;
pub use standing::Standing;
pub use verify::{Attempt, Effect, Tried};

use self::{child::OtpChild, desk::Desk};
use super::call::Call;
use crate::{
    config, crypto,
    domain::otp::CodePurpose,
    persistence::{Store, Verdict, tables::pretence},
    supervision::{Directory, DirectoryBounds, Spec, Supervisor, System},
    types::{
        CallContext, Fault,
        id::{CodeId, UserId},
        limits,
    },
};

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Otp {
    directory: Directory<UserId, OtpMessage>,
    desk: Arc<Desk>,
}

impl Otp {
    /// Puts the directory of children under `supervisor` and gives its handle.
    pub fn supervised(
        supervisor: &mut Supervisor,
        spec: Spec,
        system: System,
        store: Store,
        settings: &config::Code,
    ) -> Self {
        let desk = Desk::new(system, store, settings);
        let shared = Arc::clone(&desk);
        let child = move |owner: &UserId| OtpChild::new(Arc::clone(&shared), *owner);
        Self { directory: supervisor.directory(spec, DirectoryBounds::default(), child), desk }
    }

    /// Sends a code to its owner, as `order` says.
    pub async fn issue(
        &self,
        context: CallContext,
        owner: UserId,
        purpose: CodePurpose,
        order: Order,
    ) -> Result<Issued, Fault> {
        let make = |reply| OtpMessage::Issue(context, purpose, order, reply);
        self.directory.call(&owner, limits::CALL_DEADLINE, make).await
    }

    /// Tries what was typed; `effect` is what the right code does, in the same commit. What cannot be a code is not
    /// counted as a try, since it could never be right.
    pub async fn verify(
        &self,
        context: CallContext,
        owner: UserId,
        purpose: CodePurpose,
        typed: &str,
        effect: Effect,
    ) -> Result<Tried, Fault> {
        let Ok(typed) = crypto::code::Code::parse(typed) else { return Ok(Tried::Unknown) };
        let attempt = Attempt { purpose, typed, effect };
        let make = |reply| OtpMessage::Verify(context, attempt, reply);
        self.directory.call(&owner, limits::CALL_DEADLINE, make).await
    }

    /// The digits of a code for whoever delivers it; `None` once it is used, void, over or replaced.
    pub fn reveal(&self, owner: UserId, purpose: CodePurpose, code: CodeId) -> Result<Option<LiveCode>, Fault> {
        reveal::run(&self.desk, owner, purpose, code)
    }

    /// How a code stands, for its owner; `None` if they have no such code.
    pub fn standing(&self, owner: UserId, code: CodeId) -> Result<Option<Standing>, Fault> {
        standing::run(&self.desk, owner, code)
    }

    /// Costs what a try or a sending costs, and does nothing: for owners nobody is.
    pub async fn pretend(&self, call: &Call) -> Result<(), Fault> {
        let pretend = |tx: &mut crate::persistence::Tx<'_>| {
            pretence::leave(tx)?;
            Ok(Verdict::Commit(()))
        };
        self.desk.store.write(call.write(&self.desk.system), pretend).await
    }
}
