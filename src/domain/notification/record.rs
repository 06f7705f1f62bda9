//! The records: a notification, its deliveries, their attempts; and a mail in the development inbox.

use serde::{Deserialize, Serialize};

use super::{Channel, DeliveryLane, OlderDelivery, TemplateName};
use crate::{
    domain::otp::CodePurpose,
    types::{
        Locale, Timestamp,
        id::{CodeId, DeliveryId, EventId, MailId, NotificationId, UserId},
        provider_answer::ProviderAnswer,
    },
};

/// Which live code a mail is to carry. The digits are asked for when it is sent, and never stored with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeReference {
    /// The user or registration whose code it is.
    pub owner: UserId,
    /// What it proves.
    pub purpose: CodePurpose,
    /// The issue: other digits have another id.
    pub code: CodeId,
}

/// What a template is filled with, beside the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// When it happened.
    pub at: Timestamp,
    /// From which address.
    pub ip_address: Option<String>,
    /// The device, in our words.
    pub device: Option<String>,
    /// The recipient's given name.
    pub first_name: Option<String>,
    /// Until when it holds: a code, a lock.
    pub until: Option<Timestamp>,
}

/// One request or event that its owner is to hear of. The table that holds it is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The id.
    pub id: NotificationId,
    /// Whom it is for: a user or registration.
    pub owner: UserId,
    /// What is said.
    pub template: TemplateName,
    /// In which language, if the owner chose one.
    pub locale: Option<Locale>,
    /// The event that led to it.
    pub cause: Option<EventId>,
    /// What the template is filled with.
    pub facts: Facts,
    /// The code to ask for when it is sent.
    pub code: Option<CodeReference>,
    /// Its deliveries.
    pub deliveries: Vec<DeliveryId>,
    /// When it was taken on.
    pub created_at: Timestamp,
}

/// Why a delivery was not sent, on purpose. Stored by position: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suppression {
    /// The recipient does not want it.
    Preference,
    /// The recipient had enough of this kind lately.
    RateLimit,
    /// Too late: the code has run out, or the message is of no use any more.
    Expired,
    /// Mail to this address has bounced.
    SuppressionList,
    /// A newer one says the same.
    Superseded,
    /// The recipient is gone.
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

/// How far a delivery has come.
///
/// ```text
/// queued --claimed--> sending --taken--> sent --> delivered | bounced
///    |                  |  ^
///    |           not now|  '--claimed--.
///    |                  '--> failed ---'
///    |                         '--given up (or at a permanent answer at once)--> dead
///    '--suppressed (also from failed: expired, superseded)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryState {
    /// Waits for a sender.
    Queued {
        /// When it may be sent.
        due: Timestamp,
    },
    /// A sender has it.
    Sending {
        /// After this the sender is believed dead, and another one takes it.
        lease: Timestamp,
    },
    /// The channel took it.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// The channel says that it arrived.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// The channel says that it came back.
    Bounced {
        /// When.
        at: Timestamp,
    },
    /// Not sent, on purpose.
    Suppressed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: Suppression,
    },
    /// Not taken; tried again later.
    Failed {
        /// When it may be tried again.
        due: Timestamp,
    },
    /// Given up.
    Dead {
        /// When.
        at: Timestamp,
    },
}

impl DeliveryState {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
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

    /// When a sender is to look at it; `None`: never again.
    pub fn due(self) -> Option<Timestamp> {
        match self {
            Self::Queued { due } | Self::Failed { due } | Self::Sending { lease: due } => Some(due),
            Self::Sent { .. }
            | Self::Delivered { .. }
            | Self::Bounced { .. }
            | Self::Suppressed { .. }
            | Self::Dead { .. } => None,
        }
    }
}

/// One try to hand a delivery to its channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryTry {
    /// When the sender took it.
    pub began_at: Timestamp,
    /// When the answer was there.
    pub ended_at: Timestamp,
    /// The answer.
    pub answer: ProviderAnswer,
}

/// One recipient on one channel. The table that holds it is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The id; `Message-ID` is made from it.
    pub id: DeliveryId,
    /// What it belongs to.
    pub notification: NotificationId,
    /// Whom it is for.
    pub owner: UserId,
    /// The template, for limits and counters.
    pub template: TemplateName,
    /// By which way.
    pub channel: Channel,
    /// Which lane.
    pub lane: DeliveryLane,
    /// The stored address, never a typed one.
    pub to: String,
    /// How far it has come.
    pub state: DeliveryState,
    /// What was tried; at most `limits::DELIVERY_ATTEMPTS`.
    pub attempts: Vec<DeliveryTry>,
    /// When it was taken on.
    pub created_at: Timestamp,
    /// Not sent later than this.
    pub expires_at: Timestamp,
}

impl Delivery {
    /// What an older delivery that is still waiting is replaced by: the same kind for the same owner on the same
    /// channel. `None`: every one of them counts.
    pub fn collapses_with(&self) -> Option<(UserId, TemplateName, Channel)> {
        match self.template.older() {
            OlderDelivery::Replaced => Some((self.owner, self.template, self.channel)),
            OlderDelivery::Kept => None,
        }
    }

    /// `Message-ID` (RFC 5322 section 3.6.4) without its angle brackets: the same for every try, so that a receiver can
    /// tell a repeated send. `domain` is that of the sender.
    pub fn message_id(&self, domain: &str) -> String {
        format!("{}@{domain}", self.id)
    }
}

/// A message in the development inbox; the table that holds it is sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxMail {
    /// The id; the order of arrival.
    pub id: MailId,
    /// The delivery it came from; a second send of the same delivery replaces the first.
    pub delivery: DeliveryId,
    /// By which way.
    pub channel: Channel,
    /// The recipient.
    pub to: String,
    /// The template.
    pub template: TemplateName,
    /// Subject line; empty in a text message.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML; empty in a text message.
    pub html: String,
    /// When it arrived.
    pub created_at: Timestamp,
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
