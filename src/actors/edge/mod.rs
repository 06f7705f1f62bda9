//! EdgeActor: the listeners as children of the tree.
//!
//! - **Owns:** the running servers, which the application passes as functions.
//! - **Wakes on:** connections.
//! - **Promises:** a failed listener is restarted on the same socket, which accepts connections during the restart.
//! - **Loses on crash:** the connections of that listener.
//!
//! Must not know: routes, handlers, the services behind them. Begin with `listener`.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::{
    supervision::{Spec, Supervisor},
    types::Fault,
};

/// The `kind` of the public listener's supervisor, for operators.
pub const KIND: &str = "EdgeActor";

/// Serves one listener until the token is cancelled, then drains it.
pub type Server = Arc<dyn Fn(CancellationToken) -> BoxFuture<'static, Result<(), Fault>> + Send + Sync>;

/// Adds a listener to the tree.
pub fn listener(supervisor: &mut Supervisor, spec: Spec, server: Server) {
    supervisor.task(spec.kind("listener"), move |cx| {
        let server = Arc::clone(&server);
        async move {
            cx.ready();
            server(cx.stopping().clone()).await
        }
    });
}
