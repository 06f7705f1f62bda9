//! The actors of the running server at one moment, read from its ops listener.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::super::{
    CliFailure,
    client::{ControlClient, NoAnswer, refusal},
};
use crate::types::{Timestamp, limits};

/// All actors, and the health of the services.
#[derive(Debug, Clone)]
pub(in crate::cli) struct ActorSample {
    pub(in crate::cli) node: SampledNode,
    pub(in crate::cli) captured_at: Timestamp,
    pub(in crate::cli) totals: SampledTotals,
    /// In the order of their paths; at most `limits::TOP_ACTORS_MAX`.
    pub(in crate::cli) actors: Vec<SampledActor>,
    /// The same as the server sent them.
    pub(in crate::cli) records: Vec<Value>,
    pub(in crate::cli) health: SampledHealth,
}

/// The process.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct SampledNode {
    pub(in crate::cli) name: String,
    started: String,
}

/// Sums over all actors.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct SampledTotals {
    pub(in crate::cli) actors: u64,
    pub(in crate::cli) running: u64,
    pub(in crate::cli) restarting: u64,
    pub(in crate::cli) parked: u64,
    pub(in crate::cli) queued: u64,
    pub(in crate::cli) handled: u64,
    pub(in crate::cli) failed: u64,
    pub(in crate::cli) restarts: u64,
}

/// One actor.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct SampledActor {
    pub(in crate::cli) path: String,
    pub(in crate::cli) kind: String,
    pub(in crate::cli) status: String,
    pub(in crate::cli) mailbox: SampledMailbox,
    pub(in crate::cli) work: SampledWork,
    pub(in crate::cli) supervision: SampledRestarts,
    pub(in crate::cli) last_failure: Option<SampledFailure>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct SampledMailbox {
    pub(in crate::cli) depth: u64,
    pub(in crate::cli) capacity: u64,
    pub(in crate::cli) oldest_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct SampledWork {
    pub(in crate::cli) handled: u64,
    pub(in crate::cli) refused: u64,
    pub(in crate::cli) failed: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct SampledRestarts {
    pub(in crate::cli) restarts: u64,
    pub(in crate::cli) restarts_by_operator: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct SampledFailure {
    pub(in crate::cli) at: String,
    pub(in crate::cli) reason: String,
}

/// The worst status, and the services that are not `up`.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct SampledHealth {
    pub(in crate::cli) status: String,
    pub(in crate::cli) services: Vec<SampledService>,
}

#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct SampledService {
    pub(in crate::cli) name: String,
    pub(in crate::cli) status: String,
    #[serde(default)]
    pub(in crate::cli) reasons: Vec<String>,
}

/// One page of `GET /actors`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActorsPage {
    node: SampledNode,
    captured_at: String,
    totals: SampledTotals,
    actors: Vec<Value>,
    next_cursor: Option<String>,
}

impl ActorSample {
    /// Reads all pages and the health of the server of `client`.
    pub(in crate::cli) async fn read(client: &ControlClient) -> Result<Self, CliFailure> {
        let mut page: ActorsPage = document(client, "/actors").await?;
        let mut records = std::mem::take(&mut page.actors);
        while let Some(cursor) = page.next_cursor.filter(|_| records.len() < limits::TOP_ACTORS_MAX) {
            page = document(client, &format!("/actors?cursor={cursor}")).await?;
            records.append(&mut page.actors);
        }
        let health = document(client, "/health").await?;
        let actors: Result<Vec<SampledActor>, _> = records.iter().map(SampledActor::deserialize).collect();
        let actors = actors.map_err(|error| CliFailure::fault(other_form(client), error, SAME_VERSION))?;
        let captured_at = page.captured_at.parse().unwrap_or(Timestamp::ZERO);
        Ok(Self { node: page.node, captured_at, totals: page.totals, actors, records, health })
    }

    /// How long the process ran until the sample was taken.
    pub(in crate::cli) fn uptime(&self) -> std::time::Duration {
        self.node
            .started
            .parse::<Timestamp>()
            .map_or_else(|_| Default::default(), |start| self.captured_at.since(start))
    }
}

/// The answer to GET, which may be an error that says how the process is (`/health` while the store is closed).
async fn document<T: DeserializeOwned>(client: &ControlClient, path: &str) -> Result<T, CliFailure> {
    let answer = client.get(path, limits::TOP_TIMEOUT).await.map_err(|error| unreachable(client, &error))?;
    let body = answer.json().unwrap_or_default();
    if answer.status == 401 || answer.status == 403 {
        return Err(CliFailure::Fault(format!("{} {}", client.address(), no_credential(client))));
    }
    T::deserialize(&body).map_err(|error| match answer.status {
        200 => CliFailure::fault(other_form(client), error, SAME_VERSION),
        status => CliFailure::fault(
            format_args!("{} answers {status}", client.address()),
            refusal(&body),
            "`majordomo health` and the log of the server have the reason",
        ),
    })
}

const SAME_VERSION: &str = "use the `majordomo` of the server's version";

fn other_form(client: &ControlClient) -> String {
    format!("{} answers in another form", client.address())
}

/// The failure of a request that got no answer, with the way to a server.
pub(in crate::cli) fn unreachable(client: &ControlClient, error: &NoAnswer) -> CliFailure {
    let fix = "start the server (`majordomo serve`), or name its edge.ops_listen";
    CliFailure::Fault(format!("the ops listener {} does not answer: {error}; {fix}", client.address()))
}

fn no_credential(client: &ControlClient) -> String {
    let file = client.token_file().display();
    format!(
        "refuses the request: the credential {file} is missing or another server's; name the directory of that \
         server's store with --set store.path=DIR"
    )
}
