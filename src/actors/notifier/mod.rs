//! Notifications: sends mail and text messages to users, and their codes.
//!
//! - **Owns:** the tables of notifications, deliveries, budgets and the development inbox.
//! - **Wakes on:** its commands (`NotifierActor`), the events whose rows in the catalogue name it (`subscriber.rs`),
//!   the due time of a delivery and the end of a send (`sender.rs`).
//! - **Promises:** a notification is created in the commit that settles its event; no code is stored outside the sealed
//!   inbox or sent after its expiry; a repeated send has the same `Message-ID`.
//! - **Loses on crash:** the answer of a running send, which is repeated.
//!
//! Must not know: how codes are made, HTTP. Begin with `plan.rs` (event to notification), `writes.rs` (its deliveries),
//! then `hold.rs`, `sender.rs` and `send.rs`.

mod clear_inbox;
mod context;
mod hold;
mod inbox;
mod links;
mod mail_code;
mod plan;
mod provider;
mod recipient;
pub mod render;
mod resume_sending;
mod send;
mod sender;
mod shipped;
mod subscriber;
mod transport;
mod trial;
pub(crate) mod writes;

use std::time::Duration;

pub use clear_inbox::ClearInbox;
pub use context::{NotifierContext, NotifierHealth};
pub use inbox::InboxTransport;
pub use mail_code::CodeSource;
pub use plan::Notice;
pub use resume_sending::{ResumeSending, resume_sending};
pub use sender::DeliverySender;
pub use subscriber::NotifierSubscriber;
pub use transport::{NotifierFault, check_transport};
pub use trial::try_mail;

use crate::{
    domain::notification::{InboxMail, MailSelector},
    persistence::tables::inbox::Keeping,
    supervision::{Command, CommandActor, Handle},
    types::{Call, CallContext, Failure, Fault, PageLimit, Secret, Work, id::MailId},
};

/// The actor of the notifier's commands.
pub type NotifierActor = CommandActor<NotifierContext>;

/// The handle of the notifier. Cheap to clone.
#[derive(Clone)]
pub struct Notifier(Handle<NotifierContext>);

impl Notifier {
    /// The service over the actor's handle.
    pub fn new(handle: Handle<NotifierContext>) -> Self {
        Self(handle)
    }

    /// Runs a command and waits for its answer; fails as `Handle::run` does.
    pub async fn run<K: Command<NotifierContext>>(
        &self,
        context: CallContext,
        command: K,
    ) -> Result<K::Answer, Failure<K::Refusal>> {
        self.0.run(context, command).await
    }

    /// The mails in the development inbox that `select` selects, newest first. If there is none, waits for one, for
    /// `wait` at most and never longer than `limits::INBOX_WAIT_MAX`.
    pub async fn inbox(
        &self,
        select: &MailSelector,
        wait: Duration,
        limit: PageLimit,
    ) -> Result<Vec<InboxMail>, Fault> {
        inbox::read(self.0.context(), select, wait, limit).await
    }

    /// The code of the newest mail in the development inbox that `select` selects and that contains one. Waits for such
    /// a mail as `inbox` does.
    pub async fn inbox_code(&self, select: &MailSelector, wait: Duration) -> Result<Option<Secret>, Fault> {
        inbox::code(self.0.context(), select, wait).await
    }

    /// A mail in the development inbox.
    pub async fn inbox_mail(&self, id: MailId) -> Result<Option<InboxMail>, Fault> {
        inbox::find(self.0.context(), id).await
    }

    /// Empties the development inbox before the tree is started, when no actor accepts `ClearInbox` yet.
    pub async fn clear_inbox(&self) -> Result<(), Fault> {
        let context = self.0.context();
        let work = Work::until(context.system.clock().instant() + ClearInbox::DEADLINE);
        let call = Call { work, context: CallContext::service("notifier", "inbox") };
        Ok(ClearInbox.run(context.clone(), call).await?)
    }

    /// The messages that the development inbox keeps at this time.
    pub fn inbox_keeping(&self) -> Keeping {
        self.0.context().inbox.keeping()
    }

    /// Reads the state of sending; fails if the store cannot be read.
    pub async fn health(&self) -> Result<NotifierHealth, Fault> {
        self.0.context().health().await
    }
}
