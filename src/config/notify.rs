//! `[notify]`

use std::{path::PathBuf, time::Duration};

use super::{
    HttpUrl, MailSender, SmtpUrl,
    section::section,
    value::{Choice, days},
};

section! {
    /// Notifications to users.
    pub struct NotifyConfig {}
    with {
        /// Mail.
        email: EmailConfig,
        /// The development inbox.
        inbox: InboxConfig,
    }
}

section! {
    /// Mail.
    pub struct EmailConfig {
        /// The transport of mail: "inbox" (kept in the store, read at /dev/inbox), "smtp".
        transport: MailTransportChoice = MailTransportChoice::Inbox;
        /// The mail server with user and password: smtps:// (TLS), smtp://...?tls=required (STARTTLS), smtp://
        /// (plain, loopback only in production).
        smtp_url: Option<SmtpUrl> = None;
        /// The sender: an address, or a name and an address such as "Example <no-reply@example.com>".
        from: Option<MailSender> = None;
        /// The application's name in mail; if it is missing, the sender's name.
        app_name: Option<String> = None;
        /// The page that links in mail open: of your application, not of this program.
        app_url: Option<HttpUrl> = None;
        /// The time limit for handing over one mail to the mail server.
        timeout: Duration = Duration::from_secs(30), within Duration::from_secs(1)..=Duration::from_mins(5);
        /// A file with certificates (PEM) that are trusted in addition to the public ones, for a mail server of your
        /// own.
        ca_file: Option<PathBuf> = None;
        /// The least time between two mails of one kind to one address; codes have their own limits.
        same_kind_every: Duration = Duration::from_mins(1), within Duration::ZERO..=Duration::from_hours(24);
    }
}

section! {
    /// The inbox that replaces mail in development.
    pub struct InboxConfig {
        /// The highest number of mails that are kept.
        rows: u32 = 1_000, within 1..=100_000;
        /// How long a mail is kept.
        keep: Duration = Duration::from_hours(24), within Duration::from_mins(1)..=days(30);
    }
}

impl NotifyConfig {
    /// Whether text messages can be delivered: into the inbox, while it replaces mail.
    pub fn reaches_phones(&self) -> bool {
        self.email.transport == MailTransportChoice::Inbox
    }
}

/// The transport of mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTransportChoice {
    /// The store, for developers to read.
    Inbox,
    /// A mail server (SMTP).
    Smtp,
}

impl Choice for MailTransportChoice {
    const WORDS: &'static [(&'static str, Self)] = &[("inbox", Self::Inbox), ("smtp", Self::Smtp)];
}
