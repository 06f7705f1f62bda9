//! The accept loop: HTTP/1.1 over sockets, with a time limit for each state of a connection.
//!
//! Owns: accepting connections, their timeouts, their number, and their end. Must not know: routes, or the reason of
//! a stop.
//! Begin with [`serve`].
//!
//! ```text
//! fresh --first byte--> head --head complete--> busy --answer written--> idle --first byte--> head ...
//!   |  head timeout      |  head timeout: 408    |  body gap, write and     |  idle timeout
//!   v                    v                       v  handler timeouts        v
//! closed               closed                  closed                     closed
//! ```

mod chunks;
mod connection;
mod connection_state;
mod guarded;
mod head;
mod inbound;
mod open_connections;

use std::{io, sync::Arc, time::Duration};

pub use open_connections::OpenConnections;

use axum::Router;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{config, types::limits};

/// The timeouts of a connection, and the limit of open connections.
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// From the start of a connection, or the first byte of a head, until the head is complete.
    pub head: Duration,
    /// Between two reads of a body.
    pub body_gap: Duration,
    /// A connection without a request.
    pub idle: Duration,
    /// While a client accepts no byte of an answer.
    pub write: Duration,
    /// After the stop, until requests in flight are cut off.
    pub drain: Duration,
    /// The open connections of all listeners.
    pub connections: OpenConnections,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: limits::HEAD_TIMEOUT,
            body_gap: limits::BODY_GAP_TIMEOUT,
            idle: limits::IDLE_TIMEOUT,
            write: limits::WRITE_TIMEOUT,
            drain: limits::DRAIN_TIMEOUT,
            connections: OpenConnections::new(limits::CONNECTIONS_MAX, Vec::new()),
        }
    }
}

impl Timeouts {
    /// The timeouts of `edge`; requests in flight at a stop may take `drain`. Listeners with clones of one value share
    /// the limit of connections.
    pub fn new(edge: &config::EdgeConfig, drain: Duration) -> Self {
        Self {
            head: edge.timeouts.header_read,
            idle: edge.timeouts.idle,
            connections: OpenConnections::of_process(edge),
            drain,
            ..Self::default()
        }
    }
}

/// The result of serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Connections that were still open at the end of the drain time.
    pub cut: usize,
}

/// Serves `router` on `listener` until `stop`, then waits up to `timeouts.drain` for requests in flight.
///
/// Dropping the future closes all connections at once.
pub async fn serve(listener: TcpListener, router: Router, timeouts: Timeouts, stop: CancellationToken) -> Served {
    let open = timeouts.connections.clone();
    let drain = timeouts.drain;
    let context = Arc::new(connection::ConnectionContext { router, timeouts, stop: stop.clone() });
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            let (stream, peer) = accept(&listener).await;
            let Some(place) = open.admit(peer.ip()).await else {
                connection::refuse(&stream);
                continue;
            };
            while let Some(ended) = connections.try_join_next() {
                note_end(ended);
            }
            let context = context.clone();
            connections.spawn(async move { connection::run(stream, peer, place, &context).await });
        }
    };
    stop.run_until_cancelled(accepting).await;
    drop(listener);

    let finishing = async {
        while let Some(ended) = connections.join_next().await {
            note_end(ended);
        }
    };
    let cut = match tokio::time::timeout(drain, finishing).await {
        Ok(()) => 0,
        Err(_elapsed) => connections.len(),
    };
    connections.shutdown().await;
    Served { cut }
}

/// Accepts until it succeeds. An error concerns one connection, or is a temporary lack of descriptors.
async fn accept(listener: &TcpListener) -> (tokio::net::TcpStream, std::net::SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted at the moment");
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

fn note_end(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}
