//! A command on users: the running server is asked, or the store is opened and the same flow run over it.

use serde::Serialize;
use serde_json::{Value, json};

use super::{CliFailure, Terminal};
use crate::{
    actors::user::Users,
    app::{self, tree},
    cli::{
        client,
        offline::{self, Offline},
    },
    config::Config,
    http::error::{ApiError, ProblemContext},
    persistence::KeyLoss,
    supervision::{Supervisor, System},
    types::{CallContext, Fault, limits},
};

/// What is asked for.
pub(super) struct UserRequest {
    /// The command's name, for the audit trail.
    pub name: &'static str,
    /// The route of the running server.
    pub path: &'static str,
    /// What it is sent.
    pub body: Value,
}

impl UserRequest {
    /// Has it done; `flow` does it where no server runs. Gives what the server answers, or would.
    pub(super) fn run<T: Serialize, R: Into<ApiError>>(
        self,
        config: &Config,
        terminal: &Terminal,
        flow: impl AsyncFnOnce(Users, CallContext) -> Result<Result<T, R>, Fault>,
    ) -> Result<Value, CliFailure> {
        match client::ask_running(config, self.path, &self.body, limits::CLIENT_TIMEOUT)? {
            Some(answer) => Ok(answer),
            None => Ok(json!(offline(config, terminal, self.name, flow)?)),
        }
    }
}

/// Runs `flow` as `command` on the closed store, which is closed again whatever came of it. A refusal is said in the
/// words in which a running server says it.
fn offline<T, R: Into<ApiError>>(
    config: &Config,
    terminal: &Terminal,
    command: &'static str,
    flow: impl AsyncFnOnce(Users, CallContext) -> Result<Result<T, R>, Fault>,
) -> Result<T, CliFailure> {
    let hasher = app::hasher(config).map_err(|error| CliFailure::Fault(error.to_string()))?;
    let store = Offline::open(config, KeyLoss::Refuse, terminal)?;
    let told = store.wait(async {
        let environment = store.environment();
        let system = System::new(environment.clock.clone(), environment.entropy.clone());
        let mut root = Supervisor::root(&system);
        let users = tree::users_alone(&mut root, &system, store.store(), hasher, config);
        let tree = root.start().await.map_err(|escape| CliFailure::Fault(escape.to_string()))?;
        let told = flow(users, offline::context(command)).await;
        tree.stop(limits::SHUTDOWN).await;
        told.map_err(|fault| CliFailure::fault(command, fault))
    });
    store.close();
    told?.map_err(|refusal| {
        let at = ProblemContext { base: "", instance: "", request_id: "" };
        CliFailure::Fault(client::refusal(&refusal.into().document(at)))
    })
}

/// A text of the answer.
pub(super) fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer.get(name).and_then(Value::as_str).unwrap_or("?")
}
