//! The mail transport of the settings: the sender's name and address, and the connection to a mail server.

use std::{fs, sync::Arc};

use super::render::RenderFault;
use crate::{
    config,
    outbound::{
        mail::Sender,
        smtp::{SmtpFault, SmtpServer, SmtpSettings, SmtpTransport},
    },
    types::{Clock, EmailAddress, Invalid},
};

/// The application's name if none is configured.
const DEFAULT_NAME: &str = "Majordomo";
/// The sender's address in development, where no mail leaves the process.
const DEFAULT_SENDER: &str = "no-reply@majordomo.localhost";

/// The reason why the notifier cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum NotifierFault {
    /// A shipped template is wrong.
    #[error(transparent)]
    Template(#[from] RenderFault),
    /// The settings of the mail server are invalid.
    #[error(transparent)]
    Smtp(#[from] SmtpFault),
    /// A key of the configuration is missing or invalid.
    #[error("notify.email: {0}")]
    Setting(String),
}

impl From<Invalid> for NotifierFault {
    fn from(invalid: Invalid) -> Self {
        Self::Setting(invalid.to_string())
    }
}

/// The configured name, else the sender's name, else the default.
pub(super) fn app_name(email: &config::EmailConfig, sender: &Sender) -> String {
    let mut names = email.app_name.as_deref().into_iter().chain([sender.name.as_str()]);
    names.find(|name| !name.trim().is_empty()).unwrap_or(DEFAULT_NAME).to_owned()
}

pub(super) fn sender(email: &config::EmailConfig) -> Result<Sender, NotifierFault> {
    match &email.from {
        Some(from) => Ok(Sender { name: from.name.clone(), address: from.address.clone() }),
        None => Ok(Sender { name: DEFAULT_NAME.to_owned(), address: EmailAddress::parse(DEFAULT_SENDER)? }),
    }
}

/// Checks the settings of the mail transport. Reads the file of certificates; opens no connection.
pub fn check_transport(email: &config::EmailConfig) -> Result<(), NotifierFault> {
    match email.transport {
        config::MailTransportChoice::Inbox => Ok(()),
        config::MailTransportChoice::Smtp => smtp_settings(email).and_then(|settings| Ok(settings.check()?)),
    }
}

pub(super) fn smtp(email: &config::EmailConfig, clock: Arc<dyn Clock>) -> Result<SmtpTransport, NotifierFault> {
    Ok(SmtpTransport::new(smtp_settings(email)?, clock)?)
}

const CERTIFICATES: &str = "name a file with certificates (PEM) that the server can read";

fn smtp_settings(email: &config::EmailConfig) -> Result<SmtpSettings, NotifierFault> {
    let missing = || {
        NotifierFault::Setting(
            "transport is \"smtp\", and smtp_url is missing; set notify.email.smtp_url or notify.email.smtp_url_file"
                .to_owned(),
        )
    };
    let url = SmtpServer::parse(email.smtp_url.as_ref().ok_or_else(missing)?.reveal())?;
    let extra_roots =
        match &email.ca_file {
            None => None,
            Some(path) => Some(fs::read(path).map_err(|error| {
                NotifierFault::Setting(format!("ca_file {}: {error}; {CERTIFICATES}", path.display()))
            })?),
        };
    let hello = sender(email)?.address.domain().to_owned();
    Ok(SmtpSettings { url, timeout: email.timeout, hello, extra_roots })
}
