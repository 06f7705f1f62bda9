//! Notifications: tells users by mail what they must know, and hands them their codes.
//!
//! **Owns** the tables of notifications, deliveries, budgets and the development inbox. **Wakes on** events of other
//! services, the time of a delivery, and the end of a send. **Promises** that a notification is taken on in the commit
//! that settles its event, that no code is stored outside the sealed inbox or sent late, and that a repeated send has
//! the same `Message-ID`. **Loses on crash** at most the answer of a send that was under way: it is sent again.
//!
//! Must not know: how codes are made, HTTP. Begin with `take.rs` (event to delivery), then `send.rs`.

mod actor;
mod context;
mod inbox;
mod mail_code;
mod pause;
pub mod render;
mod send;
mod shipped;
mod take;
mod trial;

use std::time::Duration;

pub use actor::{NotifierActor, NotifierMessage};
pub use context::{CodeSource, NotifierContext, NotifierFault, NotifierHealth};
pub use inbox::InboxTransport;
pub use pause::resume_sending;
pub use take::NotifierSubscriber;
pub use trial::try_mail;

use crate::{
    domain::notification::InboxMail,
    persistence::Write,
    types::{CallContext, Fault, PageLimit, Work, limits},
};
use std::sync::Arc;

/// The handle.
#[derive(Clone)]
pub struct Notifier {
    context: Arc<NotifierContext>,
}

impl Notifier {
    /// The handle over what the actor works with.
    pub fn new(context: Arc<NotifierContext>) -> Self {
        Self { context }
    }

    /// Mails in the development inbox, newest first, to `to` alone if it is given. If there is none, waits for one,
    /// for `wait` at most and never longer than `limits::INBOX_WAIT_MAX`.
    pub async fn inbox(&self, to: Option<&str>, wait: Duration, limit: PageLimit) -> Result<Vec<InboxMail>, Fault> {
        inbox::read(&self.context, to, wait, limit).await
    }

    /// Empties the development inbox, as at a start in production.
    pub async fn clear_inbox(&self) -> Result<(), Fault> {
        inbox::clear(&self.context).await
    }

    /// Lets a restored store send. False: it was not held back.
    pub async fn resume(&self, context: CallContext) -> Result<bool, Fault> {
        let work = Work::until(self.context.system.clock().instant() + limits::CALL_DEADLINE);
        resume_sending(&self.context.store, Write::new(work, self.context.system.stamp(), context)).await
    }

    /// How well mail goes out.
    pub fn health(&self) -> Result<NotifierHealth, Fault> {
        self.context.health()
    }
}
