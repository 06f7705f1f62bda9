//! `majordomo health`

use std::time::Duration;

use clap::Args;

use super::{
    CliFailure, CliSettings, Terminal,
    client::{self, ServerAnswer, reachable},
};
use crate::{app::storage, config::Text};

/// The longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest wait for a server that is not ready.
const WAIT_MAX: Duration = Duration::from_hours(1);
/// The time between two requests of a wait.
const BETWEEN: Duration = Duration::from_millis(100);

const TO_REACH: &str = "start the server (`majordomo serve`), or name its public listener with --url or edge.listen";

/// The server to check.
#[derive(Debug, Args)]
pub(super) struct Health {
    /// The address to check instead of edge.listen, e.g. http://127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Wait until the server is ready, for this time at most, such as 30s or 2m
    #[arg(long, value_name = "TIME", value_parser = wait)]
    wait: Option<Duration>,
}

/// A wait of at most one hour.
fn wait(text: &str) -> Result<Duration, String> {
    let is_fit = |wait: &Duration| *wait <= WAIT_MAX;
    Duration::parse(text).ok().filter(is_fit).ok_or_else(|| "write a time such as 30s or 2m, at most 1h".to_owned())
}

impl Health {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let base = match &self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => reachable(settings.read(terminal)?.config.edge.listen, "edge.listen")?,
        };
        let clock = storage::environment().clock;
        let until = self.wait.map(|wait| clock.instant() + wait);
        loop {
            match ready(&base) {
                Ok(()) => return terminal.print(format_args!("{base} is ready\n")),
                Err(_) if until.is_some_and(|until| clock.instant() < until) => pause(),
                Err(failure) => return Err(failure),
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a command blocks its only thread between two requests")]
fn pause() {
    std::thread::sleep(BETWEEN);
}

/// One request.
fn ready(base: &str) -> Result<(), CliFailure> {
    let answer = client::get(&format!("{base}/health/ready"), TIMEOUT)
        .map_err(|error| CliFailure::fault(format_args!("{base} is not reached"), error, TO_REACH))?;
    if answer.status == 200 {
        return Ok(());
    }
    let fix = "GET /health on the ops listener lists the services, and docs/runbooks has a page for each reason";
    Err(CliFailure::fault(format_args!("{base} is not ready"), why(&answer), fix))
}

fn reasons(body: &serde_json::Value) -> Option<String> {
    let reasons: Vec<&str> = body.get("reasons")?.as_array()?.iter().filter_map(serde_json::Value::as_str).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// The reason in the answer, in one line.
fn why(answer: &ServerAnswer) -> String {
    let reason = answer.json().and_then(|body| {
        let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        reasons(&body).or_else(|| text("detail")).or_else(|| text("status"))
    });
    reason.map_or_else(|| format!("it answers {}", answer.status), |reason| format!("{reason} ({})", answer.status))
}
