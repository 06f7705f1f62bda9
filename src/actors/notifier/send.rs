//! Sends one delivery: claims it, renders it with its valid code, passes it to the transport, and writes the answer.

use std::{sync::Arc, time::Duration};

use super::{
    context::NotifierContext,
    inbox::InboxMessage,
    mail_code::{self, MailCode},
    provider::ProviderChange,
    render::{CodeOnMail, Occasion, Rendered},
    writes::{self, ClaimedDelivery},
};
use crate::{
    domain::notification::{
        Channel, Delivery, Notification, Suppression,
        answer::{Blame, Meaning, class, meaning},
    },
    outbound::mail::OutgoingMail,
    persistence::{Lease, Tx, TxFault},
    types::{EmailAddress, Fault, id::DeliveryId, provider_answer::ProviderAnswer},
};

/// The wait of a delivery whose code could not be read from OtpActor.
const CODE_RETRY_AFTER: Duration = Duration::from_secs(2);

/// The content of a delivery.
enum Content {
    Mail(Box<OutgoingMail>),
    Text(Box<InboxMessage>),
    /// The code is no longer valid; the message is not sent.
    Void,
    /// The code could not be read from OtpActor.
    CodeUnreadable,
    /// The message cannot be rendered, for this reason.
    Unfit(String),
}

/// Claims one delivery under the sender's lease and sends it. Fails as `send_claimed` does.
pub(super) async fn send(context: &NotifierContext, lease: &Arc<Lease>, id: DeliveryId) -> Result<(), Fault> {
    match claim(context, lease, id).await {
        Ok(Some(claimed)) => send_claimed(context, lease, claimed).await,
        Ok(None) => {
            context.not_sent();
            Ok(())
        }
        Err(fault) => {
            context.not_sent();
            Err(fault)
        }
    }
}

/// Sends a claimed delivery. An error means that the outcome was not written: the claim expires, and the delivery is
/// sent again.
pub(super) async fn send_claimed(
    context: &NotifierContext,
    lease: &Arc<Lease>,
    claimed: ClaimedDelivery,
) -> Result<(), Fault> {
    let id = claimed.delivery.id;
    let answer = match content(context, &claimed).await {
        Content::Mail(mail) => {
            let exchange = context.transport.send(&mail).await;
            note(context, &mail.to, &exchange.answer);
            tracing::debug!(delivery = %id, answer = %exchange.answer, "handed to the transport");
            exchange.answer
        }
        Content::Text(text) => {
            context.not_sent();
            match &context.texts {
                Some(inbox) => inbox.keep(*text).await,
                None => ProviderAnswer::Unfit { text: "no channel leads to a phone".to_owned() },
            }
        }
        Content::Unfit(text) => {
            context.not_sent();
            ProviderAnswer::Unfit { text }
        }
        Content::Void => {
            context.not_sent();
            let suppress = |tx: &mut Tx<'_>, _: &_, delivery| writes::suppress(tx, delivery, Suppression::Expired);
            return settle(context, lease, claimed, suppress).await;
        }
        Content::CodeUnreadable => {
            context.not_sent();
            let requeue = |tx: &mut Tx<'_>, _: &_, delivery| writes::requeue(tx, delivery, CODE_RETRY_AFTER);
            return settle(context, lease, claimed, requeue).await;
        }
    };
    settle(context, lease, claimed, move |tx, claimed, delivery| writes::settle(tx, claimed, delivery, &answer)).await
}

/// Claims a due delivery. `None`: there is nothing to send.
async fn claim(
    context: &NotifierContext,
    lease: &Arc<Lease>,
    id: DeliveryId,
) -> Result<Option<ClaimedDelivery>, Fault> {
    let (claim, write) = (context.claim(lease), context.write(correlation(id), None).under(lease.fence()));
    context.store.write(write, move |tx| writes::claim(tx, id, &claim)).await
}

async fn content(context: &NotifierContext, claimed: &ClaimedDelivery) -> Content {
    let ClaimedDelivery { delivery, notification, .. } = claimed;
    let code = match mail_code::of(context, notification).await {
        Ok(MailCode::NotNeeded) => None,
        Ok(MailCode::Live(code)) => Some(code),
        Ok(MailCode::Void) => return Content::Void,
        Err(fault) => {
            tracing::warn!(delivery = %delivery.id, %fault, "the code of a delivery could not be read");
            return Content::CodeUnreadable;
        }
    };
    let rendered = render(context, claimed, code.as_ref());
    match delivery.channel {
        Channel::Email => mail(context, delivery, (rendered, code)),
        Channel::Sms => match rendered {
            Ok(rendered) => Content::Text(Box::new(InboxMessage {
                delivery: delivery.id,
                channel: delivery.channel,
                to: delivery.to.clone(),
                template: delivery.template,
                rendered,
                code: code.map(|code| code.digits),
                link: None,
            })),
            Err(reason) => Content::Unfit(reason),
        },
    }
}

fn mail(
    context: &NotifierContext,
    delivery: &Delivery,
    (rendered, code): (Result<Rendered, String>, Option<CodeOnMail>),
) -> Content {
    let (code, link) = code.map_or((None, None), |code| (Some(code.digits), code.link));
    match (rendered, EmailAddress::parse(&delivery.to)) {
        (Ok(rendered), Ok(to)) => Content::Mail(Box::new(OutgoingMail {
            message_id: delivery.message_id(context.sender.address.domain()),
            from: context.sender.clone(),
            to,
            kind: delivery.template.as_str(),
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            code,
            link,
            date: delivery.created_at,
        })),
        (Err(reason), _) => Content::Unfit(reason),
        (Ok(_), Err(invalid)) => Content::Unfit(invalid.to_string()),
    }
}

fn render(context: &NotifierContext, claimed: &ClaimedDelivery, code: Option<&CodeOnMail>) -> Result<Rendered, String> {
    let Notification { template, locale, facts, .. } = &claimed.notification;
    let now = context.system.clock().now();
    let occasion = Occasion { template: *template, locale: locale.as_ref(), facts, code, now };
    context.renderer.render(&occasion).map_err(|fault| {
        tracing::error!(delivery = %claimed.delivery.id, ?fault, "a message cannot be rendered");
        fault.to_string()
    })
}

/// Records an answer in the breaker and, throttled, in the log.
fn note(context: &NotifierContext, recipient: &EmailAddress, answer: &ProviderAnswer) {
    let now = context.system.clock().now();
    let (change, reason) = {
        let mut provider = context.provider();
        let change = match meaning(answer) {
            Meaning::Temporary(Blame::Provider) => provider.failed(now, answer),
            // Nothing was sent to the provider.
            Meaning::Permanent if matches!(answer, ProviderAnswer::Unfit { .. }) => ProviderChange::Nothing,
            Meaning::Permanent => provider.refused(now, recipient.as_str(), answer),
            Meaning::Taken => provider.accepted(),
            Meaning::Temporary(Blame::Recipient) => provider.answered(),
        };
        (change, provider.last_failure.clone().unwrap_or_default())
    };
    let class = class(answer);
    match change {
        ProviderChange::Nothing => {}
        ProviderChange::Fails => tracing::warn!(class, reason, "the mail provider fails"),
        ProviderChange::Refuses => tracing::warn!(class, reason, "the mail provider refuses a mail permanently"),
        ProviderChange::Opened => tracing::warn!(class, reason, "the mail provider keeps failing; sending pauses"),
        ProviderChange::Recovered => tracing::info!("the mail provider works again"),
    }
}

/// Ends the claim of a delivery with `end`, unless the claim or the lease is over.
async fn settle(
    context: &NotifierContext,
    lease: &Arc<Lease>,
    claimed: ClaimedDelivery,
    end: impl Fn(&mut Tx<'_>, &ClaimedDelivery, Delivery) -> Result<(), TxFault> + Send + 'static,
) -> Result<(), Fault> {
    let write = context.write(correlation(claimed.delivery.id), claimed.notification.cause).under(lease.fence());
    let commit = move |tx: &mut Tx<'_>| match writes::still_held(tx, &claimed)? {
        Some(delivery) => end(tx, &claimed, delivery),
        None => Ok(()),
    };
    context.store.write(write, commit).await
}

fn correlation(id: DeliveryId) -> String {
    format!("delivery-{id}")
}
