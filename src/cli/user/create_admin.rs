//! `majordomo user create-admin --email ADDRESS --password-file FILE`

use clap::Args;
use serde_json::json;

use super::{
    CliFailure, Terminal, address,
    password::PasswordSource,
    request::{UserRequest, text},
};
use crate::{
    actors::user::CreateAdmin, cli::record_form::RecordForm, config::Config, http::routes::user::user_body::UserBody,
    types::EmailAddress,
};

/// The address and the password of the administrator.
#[derive(Debug, Args)]
pub(in crate::cli) struct UserCreateAdmin {
    /// The address to sign in with
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    email: EmailAddress,
    #[command(flatten)]
    password: PasswordSource,
    #[command(flatten)]
    form: RecordForm,
}

impl UserCreateAdmin {
    pub(super) fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        let (email, password) = (&self.email, self.password.read()?);
        let body = json!({ "email": email.as_str(), "password": password.reveal() });
        let request = UserRequest { name: "user create-admin", path: "/users/admins", body };
        let command = CreateAdmin { email: email.clone(), password };
        let made = request.run(config, terminal, command, UserBody::from)?;
        self.form.print(
            terminal,
            &made,
            format_args!("{} is an administrator now (user {})\n", email.as_str(), text(&made, "id")),
        )
    }
}
