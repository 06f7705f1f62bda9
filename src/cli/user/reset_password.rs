//! `majordomo user reset-password --email ADDRESS --password-file FILE`

use clap::Args;
use serde_json::json;

use super::{CliFailure, Terminal, address, password::PasswordSource, request::UserRequest};
use crate::{
    actors::user::SetPassword, cli::record_form::RecordForm, config::Config, http::routes::user::user_body::UserBody,
    types::EmailAddress,
};

/// The user and the new password.
#[derive(Debug, Args)]
pub(in crate::cli) struct UserResetPassword {
    /// The user's address
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    email: EmailAddress,
    #[command(flatten)]
    password: PasswordSource,
    #[command(flatten)]
    form: RecordForm,
}

impl UserResetPassword {
    pub(super) fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        let (email, password) = (&self.email, self.password.read()?);
        let body = json!({ "email": email.as_str(), "password": password.reveal() });
        let request = UserRequest { name: "user reset-password", path: "/users/reset-password", body };
        let user = request.run(config, terminal, SetPassword { email: email.clone(), password }, UserBody::from)?;
        self.form.print(
            terminal,
            &user,
            format_args!("{} has the new password; all sessions have ended\n", email.as_str()),
        )
    }
}
