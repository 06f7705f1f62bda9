//! `majordomo user end-sessions --email ADDRESS`

use clap::Args;
use serde_json::json;

use super::{CliFailure, Terminal, address, request::UserRequest};
use crate::{
    actors::user::EndSessions, cli::record_form::RecordForm, config::Config,
    http::routes::user::user_operations::EndedBody, types::EmailAddress,
};

/// The user whose sessions end.
#[derive(Debug, Args)]
pub(in crate::cli) struct UserEndSessions {
    /// The user's address
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    email: EmailAddress,
    #[command(flatten)]
    form: RecordForm,
}

impl UserEndSessions {
    pub(super) fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        let email = &self.email;
        let body = json!({ "email": email.as_str() });
        let request = UserRequest { name: "user end-sessions", path: "/users/end-sessions", body };
        let command = EndSessions { email: email.clone() };
        let answer = request.run(config, terminal, command, |ended| EndedBody { ended })?;
        let ended = answer.get("ended").and_then(serde_json::Value::as_u64).unwrap_or_default();
        self.form.print(terminal, &answer, format_args!("{ended} sessions of {} have ended\n", email.as_str()))
    }
}
