//! `majordomo user create-admin --email ADDRESS --password-file FILE`

use clap::Args;
use serde_json::json;

use super::{
    Failure, Terminal, address,
    errand::{Errand, text},
    password::PasswordFile,
};
use crate::{actors::user, config::Config, http::routes::user_body::UserBody, types::EmailAddress};

/// Who, and with what password.
#[derive(Debug, Args)]
pub(in crate::cli) struct CreateAdmin {
    /// The address to sign in with
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    email: EmailAddress,
    #[command(flatten)]
    password: PasswordFile,
}

impl CreateAdmin {
    pub(super) fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
        let (email, password) = (&self.email, self.password.read()?);
        let body = json!({ "email": email.as_str(), "password": password.reveal() });
        let errand = Errand { name: "user create-admin", path: "/users/admins", body };
        let made = errand.run(config, terminal, async |users, context| {
            let command = user::CreateAdmin { email: email.clone(), password };
            Ok(users.create_admin(context, command).await?.map(UserBody::from))
        })?;
        terminal.print(format_args!("{} is an administrator now (user {})\n", email.as_str(), text(&made, "id")))
    }
}
