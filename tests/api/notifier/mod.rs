//! Notifications.

mod inbox;
mod notifications;
