//! The development inbox: messages that stay in the store, where developers and tests read them.

use std::time::Duration;

use futures::future::BoxFuture;

use super::{context::NotifierContext, render::Rendered};
use crate::{
    config,
    domain::notification::{Channel, InboxMail, MailSelector, TemplateName},
    outbound::mail::{Exchange, MailTransport, OutgoingMail},
    persistence::{
        Store, Tx, TxFault, Write,
        tables::inbox::{self, Keeping},
    },
    supervision::System,
    types::{
        CallContext, Fault, PageLimit, Secret, Timestamp, Work,
        id::{DeliveryId, MailId},
        limits,
        provider_answer::ProviderAnswer,
        provider_answer::SmtpStep,
    },
};

/// A message for the development inbox.
pub(super) struct InboxMessage {
    pub(super) delivery: DeliveryId,
    pub(super) channel: Channel,
    pub(super) to: String,
    pub(super) template: TemplateName,
    pub(super) rendered: Rendered,
    pub(super) code: Option<Secret>,
    pub(super) link: Option<Secret>,
}

impl InboxMessage {
    fn put(&self, tx: &mut Tx<'_>, keeping: Keeping) -> Result<(), TxFault> {
        let mail = InboxMail {
            id: inbox::next_id(tx)?,
            delivery: self.delivery,
            channel: self.channel,
            to: self.to.clone(),
            template: self.template,
            subject: self.rendered.subject.clone(),
            text: self.rendered.text.clone(),
            html: self.rendered.html.clone(),
            code: self.code.as_ref().map(shown),
            link: self.link.as_ref().map(shown),
            created_at: tx.now(),
        };
        inbox::put(tx, &mail, keeping)
    }
}

/// A code or link in plain text, which the inbox exists to show. Its table is sealed.
fn shown(secret: &Secret) -> String {
    secret.reveal().to_owned()
}

/// The transport that writes mail into the store. A repeated send of one delivery is one mail.
#[derive(Clone)]
pub struct InboxTransport {
    store: Store,
    system: System,
    rows: usize,
    keep: Duration,
}

impl InboxTransport {
    pub(super) fn new(settings: &config::InboxConfig, store: Store, system: System) -> Self {
        let rows = usize::try_from(settings.rows).unwrap_or(limits::INBOX_MAX);
        Self { store, system, rows, keep: settings.keep }
    }

    /// While the clock may not decide what is removed, mails of every age are kept, up to the number of rows.
    pub(super) fn keeping(&self) -> Keeping {
        let clock = self.system.clock();
        let since = if clock.may_remove() { clock.now().minus(self.keep) } else { Timestamp::ZERO };
        Keeping { rows: self.rows, since }
    }

    fn write(&self) -> Write {
        let work = Work::until(self.system.clock().instant() + limits::CALL_DEADLINE);
        Write::new(work, self.system.stamp(), CallContext::service("notifier", "inbox"))
    }

    async fn put(&self, mail: &OutgoingMail) -> ProviderAnswer {
        let delivery = mail.message_id.split('@').next().and_then(|id| id.parse::<DeliveryId>().ok());
        let Some(delivery) = delivery else {
            return ProviderAnswer::Unfit { text: "the Message-ID is not made from a delivery".to_owned() };
        };
        // A test mail has no template of its own.
        let template = TemplateName::from_name(mail.kind).unwrap_or(TemplateName::Welcome);
        let rendered = Rendered { subject: mail.subject.clone(), text: mail.text.clone(), html: mail.html.clone() };
        let to = mail.to.as_str().to_owned();
        let (code, link) = (mail.code.clone(), mail.link.clone());
        self.keep(InboxMessage { delivery, channel: Channel::Email, to, template, rendered, code, link }).await
    }

    /// Stores a message; a message of the same delivery replaces the earlier one.
    pub(super) async fn keep(&self, kept: InboxMessage) -> ProviderAnswer {
        let keeping = self.keeping();
        let put = self.store.write(self.write(), move |tx| kept.put(tx, keeping));
        match put.await {
            Ok(()) => ProviderAnswer::taken("kept in the inbox"),
            Err(fault) => ProviderAnswer::broken(SmtpStep::Content, &fault.to_string()),
        }
    }
}

impl MailTransport for InboxTransport {
    fn name(&self) -> &'static str {
        "inbox"
    }

    fn send<'a>(&'a self, mail: &'a OutgoingMail) -> BoxFuture<'a, Exchange> {
        Box::pin(async move {
            let answer = self.put(mail).await;
            Exchange { conversation: vec![format!("(kept in the development inbox: {answer})")], answer }
        })
    }
}

/// The mail of an id.
pub(super) async fn find(context: &NotifierContext, id: MailId) -> Result<Option<InboxMail>, Fault> {
    context.store.read(move |view| inbox::find(view, id)).await
}

/// Messages of the inbox, newest first. Waits for the first one for `wait` and at most `limits::INBOX_WAIT_MAX`.
pub(super) async fn read(
    context: &NotifierContext,
    select: &MailSelector,
    wait: Duration,
    limit: PageLimit,
) -> Result<Vec<InboxMail>, Fault> {
    let any = |mails: Vec<InboxMail>| (!mails.is_empty()).then_some(mails);
    wait_for(context, (select, limit.rows()), wait, any).await.map(Option::unwrap_or_default)
}

/// The code of the newest mail that `select` selects and that contains one; waits for it, for `wait` at most.
pub(super) async fn code(
    context: &NotifierContext,
    select: &MailSelector,
    wait: Duration,
) -> Result<Option<Secret>, Fault> {
    let first = |mails: Vec<InboxMail>| mails.into_iter().find_map(|mail| mail.code).map(Secret::new);
    wait_for(context, (select, limits::PAGE_MAX), wait, first).await
}

/// What `pick` finds in the newest mails; reads them again after each change of the event log, for `wait` at most. A
/// shutdown ends the wait, so that the request is answered before its connection is closed.
async fn wait_for<T>(
    context: &NotifierContext,
    (select, limit): (&MailSelector, usize),
    wait: Duration,
    pick: impl Fn(Vec<InboxMail>) -> Option<T>,
) -> Result<Option<T>, Fault> {
    // Each message is followed by the event of its delivery.
    let mut changes = context.store.events_changed();
    let deadline = tokio::time::sleep(wait.min(limits::INBOX_WAIT_MAX));
    tokio::pin!(deadline);
    loop {
        let select = select.clone();
        let mails = context.store.read(move |view| inbox::newest(view, &select, limit)).await?;
        if let Some(found) = pick(mails) {
            return Ok(Some(found));
        }
        tokio::select! {
            () = &mut deadline => return Ok(None),
            () = context.system.shutdown().cancelled() => return Ok(None),
            changed = changes.changed() => changed.map_err(|_| Fault::Unavailable)?,
        }
    }
}
