//! The listeners' sockets and their service.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use futures::FutureExt;
use tokio::net::TcpSocket;

use super::AppError;
use crate::{
    actors::edge::Server,
    config::Config,
    http::{self, serve::Timeouts},
    types::{Fault, limits},
};

/// One listener's socket, bound once for the whole run of the process.
pub(super) struct Socket {
    listener: Arc<TcpListener>,
    pub(super) address: SocketAddr,
}

/// The sockets of both listeners.
pub(super) struct Sockets {
    pub(super) ops: Socket,
    pub(super) public: Socket,
}

impl Sockets {
    /// Binds both, or returns the address that cannot be bound.
    pub(super) fn bind(config: &Config) -> Result<Self, AppError> {
        Ok(Self {
            public: Socket::bind("edge.listen", config.edge.listen)?,
            ops: Socket::bind("edge.ops_listen", config.edge.ops_listen)?,
        })
    }
}

impl Socket {
    fn bind(key: &'static str, address: SocketAddr) -> Result<Self, AppError> {
        let fault = |reason| AppError::Listen { key, address, reason };
        let listener = listen(address).map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        Ok(Self { listener: Arc::new(listener), address })
    }
}

/// A non-blocking listening socket. The kernel's queue holds the connections that wait during a restart of the listener
/// or a burst.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As the standard library does on Unix: a restart need not wait for connections in the state TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(limits::ACCEPT_QUEUE)?.into_std()
}

/// A listener that can be served again, after a crash or by another router: each start takes its router and a copy of
/// the socket. Connections that arrive between two starts wait in the kernel's queue.
pub(super) fn server(
    socket: &Socket,
    router: impl Fn() -> Result<http::Router, Fault> + Send + Sync + 'static,
    timeouts: Timeouts,
) -> Server {
    let socket = Arc::clone(&socket.listener);
    Arc::new(move |stop| {
        let (socket, router, timeouts) = (Arc::clone(&socket), router(), timeouts.clone());
        async move {
            let router = router?;
            let copy = socket.try_clone().and_then(tokio::net::TcpListener::from_std);
            let copy = copy.map_err(|error| Fault::bug(format!("the socket cannot be served: {error}")))?;
            let served = http::serve::serve(copy, router, timeouts, stop).await;
            if served.cut > 0 {
                tracing::warn!(connections = served.cut, "connections were cut at the end of the drain");
            }
            Ok(())
        }
        .boxed()
    })
}
