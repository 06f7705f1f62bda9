//! Bounds of notifications, their deliveries, and the development inbox.

use std::time::Duration;

/// Delivery tries before a delivery fails.
pub const DELIVERY_ATTEMPTS: usize = 7;
/// Characters of a provider's answer that are stored.
pub const ANSWER_TEXT_MAX: usize = 200;
/// Parallel deliveries of one channel.
pub const SENDERS_PER_CHANNEL: usize = 8;
/// Of `SENDERS_PER_CHANNEL`, reserved for the lane of codes and security.
pub const SENDERS_URGENT_ONLY: usize = 2;
/// Idle connections to one SMTP server.
pub const SMTP_IDLE_CONNECTIONS: usize = 4;
/// Mails in the development inbox.
pub const INBOX_MAX: usize = 1_000;
/// Mails removed from the development inbox in one commit, in addition to the one that is written.
pub const INBOX_REMOVED_AT_ONCE: usize = 20;
/// The longest wait of a reader of the development inbox for a mail.
pub const INBOX_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long finished notifications and deliveries are stored.
pub const NOTIFICATIONS_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Steps of a template before it is stopped.
pub const TEMPLATE_FUEL: u64 = 50_000;
/// Between two log lines about a failing mail provider.
pub const PROVIDER_LOGGED_EVERY: Duration = Duration::from_secs(60);
/// Different recipients that a mail provider refuses permanently in a row before health is degraded.
pub const RECIPIENTS_REFUSED: usize = 3;
