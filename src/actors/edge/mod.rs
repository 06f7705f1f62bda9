//! EdgeActor: the listeners as children of the tree.
//!
//! - **Owns:** nothing but the running servers, which the application hands over as functions.
//! - **Wakes on:** connections.
//! - **Promises:** a listener that fails is started again on the same socket; no connection is refused meanwhile.
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

/// What operators call the supervisor of the public listener.
pub const KIND: &str = "EdgeActor";

/// Serves one listener until the token is cancelled, then drains it.
pub type Server = Arc<dyn Fn(CancellationToken) -> BoxFuture<'static, Result<(), Fault>> + Send + Sync>;

/// Puts a listener into the tree.
pub fn listener(supervisor: &mut Supervisor, spec: Spec, server: Server) {
    supervisor.task(spec.kind("listener"), move |cx| {
        let server = Arc::clone(&server);
        async move {
            cx.ready();
            server(cx.stopping().clone()).await
        }
    });
}
