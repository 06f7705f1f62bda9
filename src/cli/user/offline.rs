//! The flows on users when no server runs: the store is opened, and users and hasher are started over it.

use super::{Failure, Terminal};
use crate::{
    actors::user::Users,
    app,
    cli::{
        client,
        storage::{self, Offline},
    },
    config::Config,
    http::error::{ApiError, Occurrence},
    persistence::KeyLoss,
    supervision::{Supervisor, System, tree},
    types::{CallContext, Fault, limits},
};

/// Runs `flow` as `command` on the closed store, which is closed again whatever came of it. A refusal is said in the
/// words in which a running server says it.
pub(super) fn run<T, R: Into<ApiError>>(
    config: &Config,
    terminal: &Terminal,
    command: &'static str,
    flow: impl AsyncFnOnce(Users, CallContext) -> Result<Result<T, R>, Fault>,
) -> Result<T, Failure> {
    let hasher = app::hasher(config).map_err(|error| Failure::Fault(error.to_string()))?;
    let store = Offline::open(config, KeyLoss::Refuse, terminal)?;
    let told = store.wait(async {
        let seams = store.seams();
        let system = System::new(seams.clock.clone(), seams.entropy.clone());
        let mut root = Supervisor::root(&system);
        let users = tree::users_alone(&mut root, &system, store.store(), hasher, config);
        let tree = root.start().await.map_err(|escape| Failure::Fault(escape.to_string()))?;
        let told = flow(users, storage::context(command)).await;
        tree.stop(limits::SHUTDOWN).await;
        told.map_err(|fault| Failure::fault(command, fault))
    });
    store.close();
    told?.map_err(|refusal| {
        let at = Occurrence { base: "", instance: "", request_id: "" };
        Failure::Fault(client::refusal(&refusal.into().document(at)))
    })
}
