//! Notifications: recipient, channel, frequency, and the end of retries.
//!
//! Owns: notifications, deliveries, delivery tries and the rules on them (retry, answers, breaker, budget), and the
//! table of templates (`templates.rs`). Must not know: how mail is written or sent, the store, HTTP. Begin with
//! `record.rs`.

pub mod actions;
pub mod answer;
mod breaker;
mod budget;
mod device;
pub mod events;
mod record;
pub mod retry;
mod template;
mod templates;

pub use breaker::{Breaker, BreakerAdmission};
pub use budget::Budget;
pub use device::describe;
pub use record::{
    CodeReference, Delivery, DeliveryState, DeliveryTry, Facts, InboxMail, MailSelector, Notification, Suppression,
};
pub use template::{
    Category, Channel, DeliveryLane, OlderDelivery, SHARED_VARIABLES, SendLimit, TemplateName, languages,
};
pub(crate) use templates::for_each_template;
