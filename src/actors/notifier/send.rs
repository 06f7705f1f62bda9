//! One delivery: claimed, rendered with its live code, handed to the transport, and its answer written down.

use std::time::Duration;

use super::{
    context::{NotifierContext, ProviderChange},
    inbox::InboxMessage,
    mail_code::{self, MailCode},
    render::{CodeOnMail, Occasion, Rendered},
    take::suppress,
};
use crate::{
    domain::{
        event::{Event, EventKind, Personal},
        notification::{
            Channel, Delivery, DeliveryState, DeliveryTry, Notification, Suppression,
            answer::{Blame, Meaning, class, meaning},
            retry,
        },
    },
    outbound::mail::OutgoingMail,
    persistence::{Tx, TxFault, Verdict, tables::notification},
    types::{EmailAddress, Fault, Timestamp, id::DeliveryId, provider_answer::ProviderAnswer},
};

/// What a claim lasts beyond the transport's patience: rendering, asking for the code, and two commits.
const MARGIN: Duration = Duration::from_secs(30);
/// How long a delivery waits whose code could not be asked for.
const CODE_AWAY: Duration = Duration::from_secs(2);

/// A delivery in this sender's hands.
struct Claimed {
    delivery: Delivery,
    notification: Notification,
    began_at: Timestamp,
}

/// What there is to send.
enum Content {
    Mail(Box<OutgoingMail>),
    Text(Box<InboxMessage>),
    /// The code is void: nobody needs the mail.
    Void,
    /// The code could not be asked for.
    Away,
    /// The mail cannot be written.
    Unfit(String),
}

/// Sends one delivery. An error means that the store could not be asked: the claim runs out, and it is sent again.
pub(super) async fn send(context: &NotifierContext, id: DeliveryId) -> Result<(), Fault> {
    let claimed = match claim(context, id).await {
        Ok(Some(claimed)) => claimed,
        Ok(None) => {
            not_sent(context);
            return Ok(());
        }
        Err(fault) => {
            not_sent(context);
            return Err(fault);
        }
    };
    let answer = match content(context, &claimed).await {
        Content::Mail(mail) => {
            let exchange = context.transport.send(&mail).await;
            note(context, &exchange.answer);
            tracing::debug!(delivery = %id, answer = %exchange.answer, "handed to the transport");
            exchange.answer
        }
        Content::Text(text) => {
            not_sent(context);
            match &context.texts {
                Some(inbox) => inbox.keep(*text).await,
                None => ProviderAnswer::Unfit { text: "no channel leads to a phone".to_owned() },
            }
        }
        Content::Unfit(text) => {
            not_sent(context);
            ProviderAnswer::Unfit { text }
        }
        Content::Void => {
            not_sent(context);
            return change(context, claimed, |tx, delivery| suppress(tx, delivery, Suppression::Expired)).await;
        }
        Content::Away => {
            not_sent(context);
            return change(context, claimed, put_back).await;
        }
    };
    let began_at = claimed.began_at;
    change(context, claimed, move |tx, delivery| settle(tx, delivery, began_at, &answer)).await
}

/// The provider was not asked: if this was to be the probe, another delivery may be it.
fn not_sent(context: &NotifierContext) {
    let now = context.system.clock().now();
    context.provider().breaker.unused(now);
}

/// Takes a due delivery for this sender, or drops it if it comes too late.
async fn claim(context: &NotifierContext, id: DeliveryId) -> Result<Option<Claimed>, Fault> {
    let lease = context.timeout + MARGIN;
    context
        .write(correlation(id), None, move |tx| {
            let now = tx.now();
            let Some(mut delivery) = notification::find_delivery(tx, id)? else { return Ok(Verdict::Discard(None)) };
            if delivery.state.due().is_none_or(|due| due > now) {
                return Ok(Verdict::Discard(None));
            }
            let Some(found) = notification::find(tx, delivery.notification)? else {
                suppress(tx, delivery, Suppression::RecipientGone)?;
                return Ok(Verdict::Commit(None));
            };
            if now >= delivery.expires_at {
                suppress(tx, delivery, Suppression::Expired)?;
                return Ok(Verdict::Commit(None));
            }
            delivery.state = DeliveryState::Sending { lease: now.plus(lease) };
            notification::put_delivery(tx, &delivery)?;
            Ok(Verdict::Commit(Some(Claimed { delivery, notification: found, began_at: now })))
        })
        .await
}

async fn content(context: &NotifierContext, claimed: &Claimed) -> Content {
    let Claimed { delivery, notification, .. } = claimed;
    let code = match mail_code::of(context, notification).await {
        Ok(MailCode::NotNeeded) => None,
        Ok(MailCode::Live(code)) => Some(code),
        Ok(MailCode::Void) => return Content::Void,
        Err(fault) => {
            tracing::warn!(delivery = %delivery.id, %fault, "a code could not be asked for");
            return Content::Away;
        }
    };
    let rendered = render(context, claimed, code.as_ref());
    match delivery.channel {
        Channel::Email => mail(context, delivery, rendered),
        Channel::Sms => match rendered {
            Ok(rendered) => Content::Text(Box::new(InboxMessage {
                delivery: delivery.id,
                channel: delivery.channel,
                to: delivery.to.clone(),
                template: delivery.template,
                rendered,
            })),
            Err(reason) => Content::Unfit(reason),
        },
    }
}

fn mail(context: &NotifierContext, delivery: &Delivery, rendered: Result<Rendered, String>) -> Content {
    match (rendered, EmailAddress::parse(&delivery.to)) {
        (Ok(rendered), Ok(to)) => Content::Mail(Box::new(OutgoingMail {
            message_id: delivery.message_id(context.sender.address.domain()),
            from: context.sender.clone(),
            to,
            kind: delivery.template.as_str(),
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            date: delivery.created_at,
        })),
        (Err(reason), _) => Content::Unfit(reason),
        (Ok(_), Err(invalid)) => Content::Unfit(invalid.to_string()),
    }
}

fn render(context: &NotifierContext, claimed: &Claimed, code: Option<&CodeOnMail>) -> Result<Rendered, String> {
    let Notification { template, locale, facts, .. } = &claimed.notification;
    let now = context.system.clock().now();
    let occasion = Occasion { template: *template, locale: locale.as_ref(), facts, code, now };
    context.renderer.render(&occasion).map_err(|fault| {
        tracing::error!(delivery = %claimed.delivery.id, ?fault, "a mail cannot be written");
        fault.to_string()
    })
}

/// Tells the breaker, and seldom the log, what the provider did.
fn note(context: &NotifierContext, answer: &ProviderAnswer) {
    let now = context.system.clock().now();
    let told = match meaning(answer) {
        Meaning::Temporary(Blame::Provider) => context.provider().failed(now, answer),
        Meaning::Taken | Meaning::Permanent | Meaning::Temporary(Blame::Recipient) => context.provider().answered(),
    };
    let (class, said) = (class(answer), without_addresses(&answer.to_string()));
    match told {
        ProviderChange::Nothing => {}
        ProviderChange::Fails => tracing::warn!(class, said, "the mail provider fails"),
        ProviderChange::Opened => {
            tracing::warn!(class, said, "the mail provider keeps failing; nothing is sent for a while")
        }
        ProviderChange::Mended => tracing::info!("the mail provider works again"),
    }
}

/// An answer as the log may have it: providers like to repeat whom a mail is for.
fn without_addresses(said: &str) -> String {
    let words = said.split(' ').map(|word| if word.contains('@') { "(address)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Changes a delivery that is still in this sender's hands.
async fn change(
    context: &NotifierContext,
    claimed: Claimed,
    f: impl Fn(&mut Tx<'_>, Delivery) -> Result<(), TxFault> + Send + 'static,
) -> Result<(), Fault> {
    let (id, lease) = (claimed.delivery.id, claimed.delivery.state);
    context
        .write(correlation(id), claimed.notification.cause, move |tx| {
            match notification::find_delivery(tx, id)? {
                Some(delivery) if delivery.state == lease => f(tx, delivery).map(Verdict::Commit),
                // The claim ran out, and another sender has it; or the person was erased.
                Some(_) | None => Ok(Verdict::Discard(())),
            }
        })
        .await
}

fn put_back(tx: &mut Tx<'_>, mut delivery: Delivery) -> Result<(), TxFault> {
    delivery.state = DeliveryState::Queued { due: tx.now().plus(CODE_AWAY) };
    notification::put_delivery(tx, &delivery)
}

/// Writes the attempt down, and what follows from its answer.
fn settle(
    tx: &mut Tx<'_>,
    mut delivery: Delivery,
    began_at: Timestamp,
    answer: &ProviderAnswer,
) -> Result<(), TxFault> {
    let now = tx.now();
    delivery.attempts.push(DeliveryTry { began_at, ended_at: now, answer: answer.clone() });
    let roll = u32::from_be_bytes(tx.random());
    let state = retry::after(answer, delivery.attempts.len(), now, delivery.expires_at, roll);
    let (notification, id, template) = (delivery.notification, delivery.id, delivery.template.as_str().to_owned());
    let kind = match state {
        DeliveryState::Suppressed { reason, .. } => return suppress(tx, delivery, reason),
        DeliveryState::Sent { .. } => Some(EventKind::NotificationDelivered { notification, delivery: id, template }),
        DeliveryState::Dead { .. } => {
            let reason = class(answer).to_owned();
            Some(EventKind::NotificationFailed { notification, delivery: id, template, reason })
        }
        DeliveryState::Failed { .. }
        | DeliveryState::Queued { .. }
        | DeliveryState::Sending { .. }
        | DeliveryState::Delivered { .. }
        | DeliveryState::Bounced { .. } => None,
    };
    delivery.state = state;
    notification::put_delivery(tx, &delivery)?;
    if let Some(kind) = kind {
        tx.emit(Event { subject: delivery.owner, kind, personal: Personal::default() })?;
    }
    Ok(())
}

fn correlation(id: DeliveryId) -> String {
    format!("delivery-{id}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_answer_is_logged_without_the_address_it_repeats() {
        let logged = super::without_addresses("refused at recipient: 451 4.3.2 <ada@example.org>: try later");
        assert_eq!(logged, "refused at recipient: 451 4.3.2 (address) try later");
    }
}
