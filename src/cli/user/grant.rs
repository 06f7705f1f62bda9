//! `majordomo user grant --email ADDRESS --role ROLE`

use clap::Args;
use serde_json::json;

use super::{CliFailure, Terminal, address, request::UserRequest, role};
use crate::{
    actors::user::Grant,
    cli::record_form::RecordForm,
    config::Config,
    http::routes::user::user_body::UserBody,
    types::{EmailAddress, Role},
};

/// The user and the role.
#[derive(Debug, Args)]
pub(in crate::cli) struct UserGrant {
    /// The user's address
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    email: EmailAddress,
    /// user, support, auditor, admin or service
    #[arg(long, value_parser = role)]
    role: Role,
    #[command(flatten)]
    form: RecordForm,
}

impl UserGrant {
    pub(super) fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        let (email, role) = (&self.email, self.role);
        let body = json!({ "email": email.as_str(), "role": role.as_str() });
        let request = UserRequest { name: "user grant", path: "/users/grant", body };
        let user = request.run(config, terminal, Grant { email: email.clone(), role }, UserBody::from)?;
        let held = user.get("roles").and_then(serde_json::Value::as_array).into_iter().flatten();
        let held: Vec<&str> = held.filter_map(serde_json::Value::as_str).collect();
        self.form.print(terminal, &user, format_args!("{} holds {}\n", email.as_str(), held.join(", ")))
    }
}
