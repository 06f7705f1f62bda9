//! The records: a notification, its deliveries and delivery tries, and a mail in the development inbox.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Channel, DeliveryLane, OlderDelivery, TemplateName};
use crate::{
    domain::otp::CodePurpose,
    types::{
        LeaseHolder, Locale, Timestamp,
        id::{CodeId, DeliveryId, EventId, MailId, NotificationId, UserId},
        provider_answer::ProviderAnswer,
    },
};

/// The longest wait before a delivery is tried again: the last of `retry::WAITS` with its jitter.
const LONGEST_WAIT: Duration = Duration::from_secs(8 * 3_600);

/// The live code of a mail. The digits are read when the mail is sent, and never stored with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeReference {
    /// The user or registration that owns the code.
    pub owner: UserId,
    /// The purpose of the code.
    pub purpose: CodePurpose,
    /// The id of the code; new digits have a new id.
    pub code: CodeId,
}

/// The variables of a template, without the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The time of the event.
    pub at: Timestamp,
    pub ip_address: Option<String>,
    /// The description of the device (`device.rs`).
    pub device: Option<String>,
    /// The end of validity of the code or the lock.
    pub until: Option<Timestamp>,
}

/// One request or event that its owner is notified of. The table that holds it is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    pub id: NotificationId,
    /// The recipient: a user or registration.
    pub owner: UserId,
    pub template: TemplateName,
    /// The language, if the owner chose one.
    pub locale: Option<Locale>,
    /// The event that caused it.
    pub cause: Option<EventId>,
    /// The variables of the template.
    pub facts: Facts,
    /// The code to read when it is sent.
    pub code: Option<CodeReference>,
    pub deliveries: Vec<DeliveryId>,
    pub created_at: Timestamp,
}

impl Notification {
    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        let at = self.facts.at;
        let facts =
            Facts { at: at.min(now), until: self.facts.until.map(|until| at.end_by(until, now)), ..self.facts.clone() };
        Self { facts, created_at: self.created_at.min(now), ..self.clone() }
    }
}

/// The reason of a suppressed delivery. Stored by position: new variants go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suppression {
    /// The recipient has switched this kind off.
    Preference,
    /// The recipient's limit for this template is reached.
    RateLimit,
    /// The code has expired, or `expires_at` has passed.
    Expired,
    /// Mail to this address has bounced before.
    SuppressionList,
    /// A newer delivery replaces it.
    Superseded,
    /// The recipient no longer exists.
    RecipientGone,
}

impl Suppression {
    /// The reason in events and timelines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preference => "preference",
            Self::RateLimit => "rate_limit",
            Self::Expired => "expired",
            Self::SuppressionList => "suppression_list",
            Self::Superseded => "superseded",
            Self::RecipientGone => "recipient_gone",
        }
    }
}

/// The state of a delivery.
///
/// ```text
/// queued --claimed--> sending --taken--> sent --> delivered | bounced
///    |                  |  ^
///    |           not now|  '--claimed--.
///    |                  '--> failed ---'
///    |                         '--given up (or at a permanent answer at once)--> dead
///    '--suppressed (also from failed: expired, superseded)
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryState {
    /// It waits for a sender.
    Queued {
        /// The earliest send time.
        due: Timestamp,
    },
    /// A sender has claimed it.
    Sending {
        /// The end of the claim. After it another sender may claim the delivery.
        until: Timestamp,
        /// The holder of the lease under which it was claimed. When that lease is over, the delivery is requeued at
        /// once.
        holder: LeaseHolder,
    },
    /// The channel accepted it.
    Sent {
        /// The time of the answer.
        at: Timestamp,
    },
    /// The channel reported its arrival.
    Delivered {
        /// The time of the report.
        at: Timestamp,
    },
    /// The channel reported a bounce.
    Bounced {
        /// The time of the report.
        at: Timestamp,
    },
    /// It was suppressed.
    Suppressed {
        /// The time of the decision.
        at: Timestamp,
        reason: Suppression,
    },
    /// The last try failed; another follows.
    Failed {
        /// The earliest time of the next try.
        due: Timestamp,
    },
    /// It failed permanently.
    Dead {
        /// The time of the decision.
        at: Timestamp,
    },
}

impl DeliveryState {
    /// The name on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Sending { .. } => "sending",
            Self::Sent { .. } => "sent",
            Self::Delivered { .. } => "delivered",
            Self::Bounced { .. } => "bounced",
            Self::Suppressed { .. } => "suppressed",
            Self::Failed { .. } => "failed",
            Self::Dead { .. } => "dead",
        }
    }

    /// As `Delivery::dated_by`. A time at which a sender has to process it is not further away than a wait can be.
    #[must_use]
    fn dated_by(&self, now: Timestamp) -> Self {
        let by = |at: Timestamp| at.min(now);
        let due_by = |due: Timestamp| due.min(now.plus(LONGEST_WAIT));
        match self.clone() {
            Self::Queued { due } => Self::Queued { due: due_by(due) },
            Self::Failed { due } => Self::Failed { due: due_by(due) },
            Self::Sending { until, holder } => Self::Sending { until: due_by(until), holder },
            Self::Sent { at } => Self::Sent { at: by(at) },
            Self::Delivered { at } => Self::Delivered { at: by(at) },
            Self::Bounced { at } => Self::Bounced { at: by(at) },
            Self::Suppressed { at, reason } => Self::Suppressed { at: by(at), reason },
            Self::Dead { at } => Self::Dead { at: by(at) },
        }
    }

    /// The time at which a sender has to process it; `None`: never.
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Queued { due } | Self::Failed { due } | Self::Sending { until: due, .. } => Some(*due),
            Self::Sent { .. }
            | Self::Delivered { .. }
            | Self::Bounced { .. }
            | Self::Suppressed { .. }
            | Self::Dead { .. } => None,
        }
    }
}

/// One delivery try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryTry {
    /// The time at which the sender claimed it.
    pub began_at: Timestamp,
    /// The time of the answer.
    pub ended_at: Timestamp,
    pub answer: ProviderAnswer,
}

/// One recipient on one channel. The table that holds it is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The id; `Message-ID` contains it.
    pub id: DeliveryId,
    /// The notification that it belongs to.
    pub notification: NotificationId,
    /// The recipient: a user or registration.
    pub owner: UserId,
    /// The template, for limits and counters.
    pub template: TemplateName,
    pub channel: Channel,
    pub lane: DeliveryLane,
    /// The address from the store; never one from a request.
    pub to: String,
    pub state: DeliveryState,
    /// The delivery tries; at most `limits::DELIVERY_ATTEMPTS`.
    pub attempts: Vec<DeliveryTry>,
    pub created_at: Timestamp,
    /// The latest send time.
    pub expires_at: Timestamp,
}

impl Delivery {
    /// The key of older waiting deliveries that this one replaces: the same owner, template and channel. `None`: it
    /// replaces none.
    pub fn collapses_with(&self) -> Option<(UserId, TemplateName, Channel)> {
        match self.template.older() {
            OlderDelivery::Replaced => Some((self.owner, self.template, self.channel)),
            OlderDelivery::Kept => None,
        }
    }

    /// The record without dates after `now`, at which an operator has accepted an earlier time. Periods keep their
    /// length.
    #[must_use]
    pub fn dated_by(&self, now: Timestamp) -> Self {
        let tried = |attempt: &DeliveryTry| DeliveryTry {
            began_at: attempt.began_at.min(now),
            ended_at: attempt.ended_at.min(now),
            answer: attempt.answer.clone(),
        };
        Self {
            state: self.state.dated_by(now),
            attempts: self.attempts.iter().map(tried).collect(),
            created_at: self.created_at.min(now),
            expires_at: self.created_at.end_by(self.expires_at, now),
            ..self.clone()
        }
    }

    /// `Message-ID` (RFC 5322 section 3.6.4) without its angle brackets. It is the same for every try, so that a
    /// receiver can detect a repeated mail. `domain` is that of the sender.
    pub fn message_id(&self, domain: &str) -> String {
        format!("{}@{domain}", self.id)
    }
}

/// A message in the development inbox. The table that holds it is sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxMail {
    /// The id, in the order of arrival.
    pub id: MailId,
    /// The delivery. A second send of the same delivery replaces the first.
    pub delivery: DeliveryId,
    pub channel: Channel,
    pub to: String,
    pub template: TemplateName,
    /// Subject line; empty in a text message.
    pub subject: String,
    pub text: String,
    /// HTML; empty in a text message.
    pub html: String,
    /// The code in it.
    pub code: Option<String>,
    /// The link in it.
    pub link: Option<String>,
    /// The time of arrival.
    pub created_at: Timestamp,
}

/// Which mails of the development inbox are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailSelector {
    /// Only mails to this address, ignoring case.
    pub to: Option<String>,
    /// Only mails that arrived after this one.
    pub after: Option<MailId>,
    /// Only mails that arrived before this one.
    pub before: Option<MailId>,
}

impl std::fmt::Debug for InboxMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InboxMail")
            .field("id", &self.id)
            .field("delivery", &self.delivery)
            .field("template", &self.template)
            .finish_non_exhaustive()
    }
}
