//! `[notify]`

use std::{path::PathBuf, time::Duration};

use super::{
    HttpUrl, LinkTemplate, MailSender, SmtpUrl,
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
        /// (plain, loopback only in production). Without it, $CREDENTIALS_DIRECTORY/smtp_url if systemd sets that
        /// variable.
        smtp_url: Option<SmtpUrl> = None;
        /// The sender: an address, or a name and an address such as "Example <no-reply@example.com>".
        from: Option<MailSender> = None;
        /// The application's name in mail; if it is missing, the sender's name.
        app_name: Option<String> = None;
        /// The page that links in mail open: of your application, not of this program; https in production. Without it
        /// mails contain codes and no links, except by templates of links that do not begin with {app_url}.
        app_url: Option<HttpUrl> = None;
        /// The time limit for handing over one mail to the mail server.
        timeout: Duration = Duration::from_secs(30), within Duration::from_secs(1)..=Duration::from_mins(5);
        /// A file with certificates (PEM) that are trusted in addition to the public ones, for a mail server of your
        /// own.
        ca_file: Option<PathBuf> = None;
        /// The least time between two mails of one kind to one address; codes have their own limits.
        same_kind_every: Duration = Duration::from_mins(1), within Duration::ZERO..=Duration::from_hours(24);
    }
    with {
        /// Links in mails: pages of your application that send the secret by POST. Each template holds {secret} once,
        /// in its query or fragment, and may begin with {app_url} (notify.email.app_url). A link ends with the code of
        /// its mail; wrong codes do not void it.
        links: LinksConfig,
    }
}

section! {
    /// Links in mails: pages of your application that send the secret by POST. Each template holds {secret} once, in
    /// its query or fragment, and may begin with {app_url} (notify.email.app_url). A link ends with the code of its
    /// mail; wrong codes do not void it.
    pub struct LinksConfig {
        /// The page that sends { "secret" } to POST /auth/verify-email.
        verify: Option<LinkTemplate> = Some(LinkTemplate::of_page("verify"));
        /// The page that asks for a new password and sends { "secret", "newPassword" } to POST /auth/password/reset.
        reset: Option<LinkTemplate> = Some(LinkTemplate::of_page("reset"));
    }
}

impl LinksConfig {
    /// Each template with its key.
    pub(super) fn templates(&self) -> [(&'static [&'static str], Option<&LinkTemplate>); 2] {
        [(&["notify.email.links.verify"], self.verify.as_ref()), (&["notify.email.links.reset"], self.reset.as_ref())]
    }
}

section! {
    /// The inbox that replaces mail in development.
    pub struct InboxConfig {
        /// The highest number of mails that are kept.
        rows: u32 = 1_000, within 1..=1_000;
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
