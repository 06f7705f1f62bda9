//! `majordomo user list`

use clap::Args;
use serde_json::Value;

use super::{CliFailure, Terminal, percent_encoded, request::text, role};
use crate::{
    cli::{
        client,
        offline::Offline,
        record_form::RecordForm,
        table::{self, Cell},
        terminal::Tone,
    },
    config::Config,
    domain::user::{Status, UserFilter},
    http::routes::user::user_body::UserBody,
    persistence::{KeyLoss, tables},
    types::{PageLimit, Role, limits},
};

/// Which users.
#[derive(Debug, Args)]
pub(in crate::cli) struct UserList {
    /// Only users with this role
    #[arg(long, value_parser = role)]
    role: Option<Role>,
    /// Only users with this status: pending, active, locked or disabled
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    #[command(flatten)]
    form: RecordForm,
}

fn status(text: &str) -> Result<Status, String> {
    let all = [Status::Pending, Status::Active, Status::Locked, Status::Disabled];
    let known = all.into_iter().find(|status| status.as_str() == text);
    known.ok_or_else(|| "write pending, active, locked or disabled".to_owned())
}

impl UserList {
    pub(super) fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        match client::read_running(config, &self.path(None), limits::CLIENT_TIMEOUT)? {
            Some(first) => self.of_server(config, first, terminal),
            None => self.of_store(config, terminal),
        }
    }

    fn path(&self, cursor: Option<&str>) -> String {
        let parameters = [
            ("role", self.role.map(|role| role.as_str())),
            ("status", self.status.map(|status| status.as_str())),
            ("cursor", cursor),
        ];
        let set = parameters.iter().filter_map(|(name, value)| Some((name, (*value)?)));
        let query: String = set.map(|(name, value)| format!("&{name}={}", percent_encoded(value))).collect();
        format!("/users?limit={}{query}", limits::PAGE_MAX)
    }

    fn of_server(&self, config: &Config, first: Value, terminal: &Terminal) -> Result<(), CliFailure> {
        let mut page = first;
        let mut is_first = true;
        loop {
            let rows = page.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
            self.print(&rows, is_first, terminal)?;
            is_first = false;
            let Some(cursor) = page.get("nextCursor").and_then(Value::as_str) else { return Ok(()) };
            let next = client::read_running(config, &self.path(Some(cursor)), limits::CLIENT_TIMEOUT)?;
            let stopped = || {
                CliFailure::Fault("the server stopped before the whole list was read; repeat the command".to_owned())
            };
            page = next.ok_or_else(stopped)?;
        }
    }

    fn of_store(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        let store = Offline::open(config, KeyLoss::Refuse, terminal)?;
        let printed = self.pages_of(&store, terminal);
        store.close();
        printed
    }

    fn pages_of(&self, store: &Offline, terminal: &Terminal) -> Result<(), CliFailure> {
        let filter = UserFilter { email: None, role: self.role, status: self.status };
        let limit = PageLimit::new(limits::PAGE_MAX).unwrap_or_default();
        let (mut after, mut is_first) = (None, true);
        loop {
            let wanted = filter.clone();
            let page = store.store().read(move |view| tables::user::page(view, &wanted, after, limit));
            let page =
                store.wait(page).map_err(|fault| CliFailure::of_store("reading the users", store.dir(), fault))?;
            let rows: Vec<Value> = page.rows.into_iter().map(|user| serde_json::json!(UserBody::from(user))).collect();
            self.print(&rows, is_first, terminal)?;
            is_first = false;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    fn print(&self, users: &[Value], is_first: bool, terminal: &Terminal) -> Result<(), CliFailure> {
        if self.form.is_json() {
            return users.iter().try_for_each(|user| terminal.print(format_args!("{user}\n")));
        }
        let heading = ["ID", "STATUS", "CREATED", "ROLES", "EMAIL"].map(|name| Cell::left(Tone::Strong, name)).to_vec();
        let rows = is_first.then_some(heading).into_iter().chain(users.iter().map(row)).collect();
        let lines = table::aligned(rows);
        let text: String = lines.iter().map(|line| line.painted(terminal.results) + "\n").collect();
        terminal.print(text)
    }
}

fn row(user: &Value) -> Vec<Cell> {
    let roles = user.get("roles").and_then(Value::as_array).into_iter().flatten();
    let roles: Vec<&str> = roles.filter_map(Value::as_str).collect();
    let status = text(user, "status");
    let tone = if status == "active" { Tone::Good } else { Tone::Warning };
    vec![
        Cell::left(Tone::Normal, text(user, "id")),
        Cell::left(tone, &format!("{status:8}")),
        Cell::left(Tone::Normal, text(user, "createdAt")),
        Cell::left(Tone::Normal, &roles.join(",")),
        Cell::left(Tone::Normal, text(user, "email")),
    ]
}
