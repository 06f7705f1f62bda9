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
pub(super) struct ActorSample {
    pub(super) node: SampledNode,
    pub(super) captured_at: Timestamp,
    pub(super) totals: SampledTotals,
    /// In the order of their paths; at most `limits::TOP_ACTORS_MAX`.
    pub(super) actors: Vec<SampledActor>,
    /// The same as the server sent them.
    pub(super) records: Vec<Value>,
    pub(super) health: SampledHealth,
}

/// The process.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SampledNode {
    pub(super) name: String,
    started: String,
}

/// Sums over all actors.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SampledTotals {
    pub(super) actors: u64,
    pub(super) running: u64,
    pub(super) restarting: u64,
    pub(super) parked: u64,
    pub(super) queued: u64,
    pub(super) handled: u64,
    pub(super) failed: u64,
    pub(super) restarts: u64,
}

/// One actor.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SampledActor {
    pub(super) path: String,
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) mailbox: SampledMailbox,
    pub(super) work: SampledWork,
    pub(super) supervision: SampledRestarts,
    pub(super) last_failure: Option<SampledFailure>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SampledMailbox {
    pub(super) depth: u64,
    pub(super) capacity: u64,
    pub(super) oldest_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct SampledWork {
    pub(super) handled: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SampledRestarts {
    pub(super) restarts: u64,
    pub(super) restarts_by_operator: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct SampledFailure {
    pub(super) at: String,
    pub(super) reason: String,
}

/// The worst status, and the services that are not `up`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SampledHealth {
    pub(super) status: String,
    pub(super) services: Vec<SampledService>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct SampledService {
    pub(super) name: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) reasons: Vec<String>,
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
    pub(super) async fn read(client: &ControlClient) -> Result<Self, CliFailure> {
        let mut page: ActorsPage = document(client, "/actors").await?;
        let mut records = std::mem::take(&mut page.actors);
        while let Some(cursor) = page.next_cursor.filter(|_| records.len() < limits::TOP_ACTORS_MAX) {
            page = document(client, &format!("/actors?cursor={cursor}")).await?;
            records.append(&mut page.actors);
        }
        let health = document(client, "/health").await?;
        let actors: Result<Vec<SampledActor>, _> = records.iter().map(SampledActor::deserialize).collect();
        let actors = actors.map_err(|error| CliFailure::fault(other_version(client), error))?;
        let captured_at = page.captured_at.parse().unwrap_or(Timestamp::ZERO);
        Ok(Self { node: page.node, captured_at, totals: page.totals, actors, records, health })
    }

    /// How long the process ran until the sample was taken.
    pub(super) fn uptime(&self) -> std::time::Duration {
        self.node
            .started
            .parse::<Timestamp>()
            .map_or_else(|_| Default::default(), |start| self.captured_at.since(start))
    }
}

/// The answer to GET, which may be an error that says how the process is (`/health` while the store is closed).
async fn document<T: DeserializeOwned>(client: &ControlClient, path: &str) -> Result<T, CliFailure> {
    let answer = client.get(path, limits::TOP_TIMEOUT).await.map_err(|error| unreachable(client, &error))?;
    let told = answer.json().unwrap_or_default();
    if answer.status == 401 || answer.status == 403 {
        return Err(CliFailure::Fault(format!("{} {}", client.address(), no_credential(client))));
    }
    T::deserialize(&told).map_err(|error| match answer.status {
        200 => CliFailure::fault(other_version(client), error),
        status => CliFailure::fault(format_args!("{} answers {status}", client.address()), refusal(&told)),
    })
}

fn other_version(client: &ControlClient) -> String {
    format!("{} answers in another form; use the `majordomo` of the server's version", client.address())
}

/// The failure of a request that got no answer, with the way to a server.
pub(super) fn unreachable(client: &ControlClient, error: &NoAnswer) -> CliFailure {
    let fix = "start the server (`majordomo serve`), or name its edge.ops_listen";
    CliFailure::Fault(format!("the ops listener {} does not answer: {error}; {fix}", client.address()))
}

fn no_credential(client: &ControlClient) -> String {
    let file = client.token_file().display();
    format!("refuses the request: its credential {file} (store.path) is missing or another server's")
}
