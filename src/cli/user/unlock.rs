//! `majordomo user unlock --email ADDRESS`

use clap::Args;
use serde_json::json;

use super::{
    CliFailure, Terminal, address,
    request::{UserRequest, text},
};
use crate::{
    actors::user::Unlock, cli::record_form::RecordForm, config::Config, http::routes::user::user_body::UserBody,
    types::EmailAddress,
};

/// The user to unlock.
#[derive(Debug, Args)]
pub(in crate::cli) struct UserUnlock {
    /// The user's address
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    email: EmailAddress,
    #[command(flatten)]
    form: RecordForm,
}

impl UserUnlock {
    pub(super) fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        let email = &self.email;
        let request =
            UserRequest { name: "user unlock", path: "/users/unlock", body: json!({ "email": email.as_str() }) };
        let user = request.run(config, terminal, Unlock { email: email.clone() }, UserBody::from)?;
        let status = text(&user, "status");
        self.form.print(terminal, &user, format_args!("{} is {status}; failed logins are forgotten\n", email.as_str()))
    }
}
