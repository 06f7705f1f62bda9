//! `majordomo user show --email ADDRESS`

use clap::Args;
use serde_json::Value;

use super::{CliFailure, Terminal, address, percent_encoded};
use crate::{
    cli::{
        client,
        offline::Offline,
        record_form::RecordForm,
        table::{self, Cell},
        terminal::Tone,
    },
    config::Config,
    http::routes::user::user_body::UserBody,
    persistence::{KeyLoss, tables},
    types::{EmailAddress, limits},
};

/// The user to show.
#[derive(Debug, Args)]
pub(in crate::cli) struct UserShow {
    /// The user's address
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    email: EmailAddress,
    #[command(flatten)]
    form: RecordForm,
}

impl UserShow {
    pub(super) fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        let path = format!("/users?email={}", percent_encoded(self.email.as_str()));
        let found = match client::read_running(config, &path, limits::CLIENT_TIMEOUT)? {
            Some(page) => page.get("data").and_then(|rows| rows.get(0)).cloned(),
            None => self.in_store(config, terminal)?,
        };
        let nothing = || format!("{}: no user has this address; `majordomo user list` lists them", self.email.as_str());
        let user = found.ok_or_else(|| CliFailure::Fault(nothing()))?;
        self.form.print(terminal, &user, text(&user, terminal))
    }

    fn in_store(&self, config: &Config, terminal: &Terminal) -> Result<Option<Value>, CliFailure> {
        let store = Offline::open(config, KeyLoss::Refuse, terminal)?;
        let email = self.email.clone();
        let found = store.wait(store.store().read(move |view| tables::user::find_by_email(view, &email)));
        let found = found.map_err(|fault| CliFailure::of_store("reading the user", store.dir(), fault));
        store.close();
        let found = found?;
        Ok(found.map(|user| serde_json::json!(UserBody::from(user))))
    }
}

/// A line for each member.
fn text(user: &Value, terminal: &Terminal) -> String {
    let members = user.as_object().into_iter().flatten();
    let rows = members.map(|(name, value)| {
        let value = match value {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            Value::Array(rows) => rows.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
        };
        vec![Cell::left(Tone::Soft, name), Cell::left(Tone::Normal, &value)]
    });
    table::aligned(rows.collect()).iter().map(|line| line.painted(terminal.results) + "\n").collect()
}
