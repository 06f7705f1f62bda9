//! Notifications: who is told what, by which way, how often, and when it is given up.
//!
//! Owns: notifications, deliveries, attempts and the rules on them (retry, answers, breaker, budget, templates' names
//! and variables). Must not know: how mail is written or sent, the store, HTTP. Begin with `record.rs`.

pub mod answer;
mod breaker;
mod budget;
mod device;
mod record;
pub mod retry;
mod template;

pub use breaker::{Breaker, BreakerAdmission};
pub use budget::Budget;
pub use device::describe;
pub use record::{CodeReference, Delivery, DeliveryState, DeliveryTry, Facts, InboxMail, Notification, Suppression};
pub use template::{Category, Channel, DeliveryLane, SHARED_VARIABLES, TemplateName, languages};
