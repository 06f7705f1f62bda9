//! The links in mails: pages of the application, with a secret that proves the same as the mail's code.

use crate::{
    config::{self, HttpUrl, LinkTemplate},
    domain::otp::CodePurpose,
    types::Secret,
};

/// The link templates of the configuration.
pub(super) struct MailLinks {
    app_url: Option<HttpUrl>,
    verify: Option<LinkTemplate>,
    reset: Option<LinkTemplate>,
}

impl MailLinks {
    pub(super) fn new(settings: &config::EmailConfig) -> Self {
        let config::LinksConfig { verify, reset } = settings.links.clone();
        Self { app_url: settings.app_url.clone(), verify, reset }
    }

    /// The link of a mail with a code for `purpose`; `None`: the mail has only the code. Purposes that need a sign-in
    /// have no link.
    pub(super) fn link(&self, purpose: CodePurpose, secret: &Secret) -> Option<Secret> {
        let template = match purpose {
            CodePurpose::VerifyEmail => self.verify.as_ref(),
            CodePurpose::ResetPassword => self.reset.as_ref(),
            CodePurpose::StepUp | CodePurpose::VerifyPhone => None,
        };
        template?.link(self.app_url.as_ref(), secret.reveal()).map(Secret::new)
    }
}
