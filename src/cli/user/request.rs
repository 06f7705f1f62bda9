//! A command on users: sent to the running server, or run on the store if no server runs.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::{CliFailure, Terminal};
use crate::{
    actors::user::UserContext,
    app::{self, AppError, tree},
    cli::{
        client,
        offline::{self, Offline},
    },
    config::Config,
    http::error::{ApiError, ProblemContext},
    persistence::KeyLoss,
    supervision::{Command, Supervisor, System},
    types::{Failure, limits},
};

/// The request.
pub(super) struct UserRequest {
    /// The command's name, for the audit log.
    pub name: &'static str,
    /// The route of the running server.
    pub path: &'static str,
    /// The body of the request.
    pub body: Value,
}

impl UserRequest {
    /// Runs the command: by the running server, or by `command` if none runs. Returns the body of the server's answer;
    /// `shown` makes the same body from the answer of `command`.
    pub(super) fn run<K, T>(
        self,
        config: &Config,
        terminal: &Terminal,
        command: K,
        shown: impl FnOnce(K::Answer) -> T,
    ) -> Result<Value, CliFailure>
    where
        K: Command<UserContext, Refusal: Into<ApiError>>,
        T: Serialize,
    {
        match client::ask_running(config, self.path, &self.body, limits::CLIENT_TIMEOUT)? {
            Some(answer) => Ok(answer),
            None => Ok(json!(shown(offline(config, terminal, self.name, command)?))),
        }
    }
}

/// Runs `command` on the store, as an operator who called `name`, and closes the store in any case. A refusal has the
/// same text as in the answer of a running server.
fn offline<K>(config: &Config, terminal: &Terminal, name: &'static str, command: K) -> Result<K::Answer, CliFailure>
where
    K: Command<UserContext, Refusal: Into<ApiError>>,
{
    let hasher = app::hasher(config)?;
    let store = Offline::open(config, KeyLoss::Refuse, terminal)?;
    let done = store.wait(async {
        let environment = store.environment();
        let system = System::new(environment.clock.clone(), environment.entropy.clone());
        let mut root = Supervisor::root(&system);
        let users = tree::users_alone(&mut root, &system, store.store(), hasher, config);
        let users = users?;
        let tree = root.start().await.map_err(AppError::from)?;
        let done = users.run(offline::context(name), command).await;
        tree.stop(limits::SHUTDOWN).await;
        done.map_err(|failure| failed(name, &config.store.path, failure))
    });
    store.close();
    done
}

fn failed<R: Into<ApiError>>(name: &'static str, dir: &Path, failure: Failure<R>) -> CliFailure {
    match failure {
        Failure::Fault(fault) => CliFailure::of_store(name, dir, fault),
        Failure::Refused(refusal) => {
            let at = ProblemContext { base: "", instance: "", request_id: "" };
            CliFailure::Fault(client::refusal(&refusal.into().document(at)))
        }
    }
}

/// A text member of the answer.
pub(super) fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer.get(name).and_then(Value::as_str).unwrap_or("?")
}
