//! One delivery: claimed, rendered with its live code, handed to the transport, and its answer written down.

use std::time::Duration;

use super::{
    bell::{Bell, Told},
    inbox::Kept,
    live_code::{self, LiveCode},
    render::{CodeOnMail, Occasion, Rendered},
    take::suppress,
};
use crate::{
    domain::{
        event::{Event, EventKind, Personal},
        notification::{
            Attempt, Channel, Delivery, DeliveryState, Notification, Suppression,
            answer::{Blame, Meaning, class, meaning},
            retry,
        },
    },
    outbound::mail::OutgoingMail,
    persistence::{Tx, TxFault, Verdict, tables::notification},
    types::{EmailAddress, Fault, Timestamp, answer::Answer, id::DeliveryId},
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
    Text(Box<Kept>),
    /// The code is void: nobody needs the mail.
    Void,
    /// The code could not be asked for.
    Away,
    /// The mail cannot be written.
    Unfit(String),
}

/// Sends one delivery. An error means that the store could not be asked: the claim runs out, and it is sent again.
pub(super) async fn send(bell: &Bell, id: DeliveryId) -> Result<(), Fault> {
    let claimed = match claim(bell, id).await {
        Ok(Some(claimed)) => claimed,
        Ok(None) => {
            not_sent(bell);
            return Ok(());
        }
        Err(fault) => {
            not_sent(bell);
            return Err(fault);
        }
    };
    let answer = match content(bell, &claimed).await {
        Content::Mail(mail) => {
            let exchange = bell.transport.send(&mail).await;
            note(bell, &exchange.answer);
            tracing::debug!(delivery = %id, answer = %exchange.answer, "handed to the transport");
            exchange.answer
        }
        Content::Text(text) => {
            not_sent(bell);
            match &bell.texts {
                Some(inbox) => inbox.keep(*text).await,
                None => Answer::Unfit { text: "no channel leads to a phone".to_owned() },
            }
        }
        Content::Unfit(text) => {
            not_sent(bell);
            Answer::Unfit { text }
        }
        Content::Void => {
            not_sent(bell);
            return change(bell, claimed, |tx, delivery| suppress(tx, delivery, Suppression::Expired)).await;
        }
        Content::Away => {
            not_sent(bell);
            return change(bell, claimed, put_back).await;
        }
    };
    let began_at = claimed.began_at;
    change(bell, claimed, move |tx, delivery| settle(tx, delivery, began_at, &answer)).await
}

/// The provider was not asked: if this was to be the probe, another delivery may be it.
fn not_sent(bell: &Bell) {
    let now = bell.system.clock().now();
    bell.provider().breaker.unused(now);
}

/// Takes a due delivery for this sender, or drops it if it comes too late.
async fn claim(bell: &Bell, id: DeliveryId) -> Result<Option<Claimed>, Fault> {
    let lease = bell.patience + MARGIN;
    bell.write(correlation(id), None, move |tx| {
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

async fn content(bell: &Bell, claimed: &Claimed) -> Content {
    let Claimed { delivery, notification, .. } = claimed;
    let code = match live_code::of(bell, notification).await {
        Ok(LiveCode::NotNeeded) => None,
        Ok(LiveCode::Live(code)) => Some(code),
        Ok(LiveCode::Void) => return Content::Void,
        Err(fault) => {
            tracing::warn!(delivery = %delivery.id, %fault, "a code could not be asked for");
            return Content::Away;
        }
    };
    let rendered = render(bell, claimed, code.as_ref());
    match delivery.channel {
        Channel::Email => mail(bell, delivery, rendered),
        Channel::Sms => match rendered {
            Ok(rendered) => Content::Text(Box::new(Kept {
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

fn mail(bell: &Bell, delivery: &Delivery, rendered: Result<Rendered, String>) -> Content {
    match (rendered, EmailAddress::parse(&delivery.to)) {
        (Ok(rendered), Ok(to)) => Content::Mail(Box::new(OutgoingMail {
            message_id: delivery.message_id(bell.sender.address.domain()),
            from: bell.sender.clone(),
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

fn render(bell: &Bell, claimed: &Claimed, code: Option<&CodeOnMail>) -> Result<Rendered, String> {
    let Notification { template, locale, facts, .. } = &claimed.notification;
    let now = bell.system.clock().now();
    let occasion = Occasion { template: *template, locale: locale.as_ref(), facts, code, now };
    bell.renderer.render(&occasion).map_err(|fault| {
        tracing::error!(delivery = %claimed.delivery.id, ?fault, "a mail cannot be written");
        fault.to_string()
    })
}

/// Tells the breaker, and seldom the log, what the provider did.
fn note(bell: &Bell, answer: &Answer) {
    let now = bell.system.clock().now();
    let told = match meaning(answer) {
        Meaning::Temporary(Blame::Provider) => bell.provider().failed(now, answer),
        Meaning::Taken | Meaning::Permanent | Meaning::Temporary(Blame::Recipient) => bell.provider().answered(),
    };
    let (class, said) = (class(answer), without_addresses(&answer.to_string()));
    match told {
        Told::Nothing => {}
        Told::Fails => tracing::warn!(class, said, "the mail provider fails"),
        Told::Opened => tracing::warn!(class, said, "the mail provider keeps failing; nothing is sent for a while"),
        Told::Mended => tracing::info!("the mail provider works again"),
    }
}

/// An answer as the log may have it: providers like to repeat whom a mail is for.
fn without_addresses(said: &str) -> String {
    let words = said.split(' ').map(|word| if word.contains('@') { "(address)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Changes a delivery that is still in this sender's hands.
async fn change(
    bell: &Bell,
    claimed: Claimed,
    f: impl Fn(&mut Tx<'_>, Delivery) -> Result<(), TxFault> + Send + 'static,
) -> Result<(), Fault> {
    let (id, lease) = (claimed.delivery.id, claimed.delivery.state);
    bell.write(correlation(id), claimed.notification.cause, move |tx| {
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
fn settle(tx: &mut Tx<'_>, mut delivery: Delivery, began_at: Timestamp, answer: &Answer) -> Result<(), TxFault> {
    let now = tx.now();
    delivery.attempts.push(Attempt { began_at, ended_at: now, answer: answer.clone() });
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
