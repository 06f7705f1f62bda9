//! `majordomo user create-admin --email ADDRESS --password-file FILE`

use clap::Args;
use serde_json::json;

use super::{Failure, Terminal, address, offline, password::PasswordFile};
use crate::{actors::user, cli::client, config::Config, types::EmailAddress, types::limits};

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
        let password = self.password.read()?;
        let body = json!({ "email": self.email.as_str(), "password": password.reveal() });
        let id = match client::ask_running(config, "/users/admins", &body, limits::CLIENT_PATIENCE)? {
            Some(made) => made.get("id").and_then(serde_json::Value::as_str).unwrap_or("?").to_owned(),
            None => {
                let command = user::CreateAdmin { email: self.email.clone(), password };
                let made = offline::run(config, terminal, "user create-admin", async |users, context| {
                    users.create_admin(context, command).await
                })?;
                made.id.to_string()
            }
        };
        terminal.print(format_args!("{} is an administrator now (user {id})\n", self.email.as_str()))
    }
}
