//! The services and the listeners' routers, wired in one place for the program and for its tests.

use std::sync::{Arc, OnceLock};

use super::tree::{self, Listeners, ServiceDependencies, Services};
use crate::{
    actors::{audit::Audit, notifier::NotifierFault, operations::Operations},
    http::{
        self, EdgeServices,
        credential::ControlToken,
        route::Listener,
        services::{EdgeContext, EdgeDependencies},
    },
    supervision::{ManualClock, Supervisor, System},
    types::Fault,
};

/// The inputs of the wiring, without the system.
pub struct AppDependencies {
    /// The inputs of the services.
    pub services: ServiceDependencies,
    pub control: ControlToken,
    /// The system's clock, if it can be moved forward.
    pub manual: Option<Arc<ManualClock>>,
}

/// The wired program; nothing runs before `root` is started, and a call to a service returns `Unavailable`.
pub struct Assembly {
    /// The tree with all its children.
    pub root: Supervisor,
    /// The handles of the services.
    pub services: Services,
    /// The content of both routers, with the reports on the process.
    pub edge: EdgeServices,
}

/// The place where the listeners find their routers: listeners are declared before the services that they serve.
#[derive(Clone, Default)]
pub struct Routers(Arc<OnceLock<EdgeServices>>);

impl Routers {
    /// The router of `listener`; `Bug` before the services are assembled.
    pub fn router(&self, listener: Listener) -> Result<http::Router, Fault> {
        let edge = self.0.get().ok_or_else(|| Fault::bug("a listener is served before its services are wired"))?;
        Ok(http::router::router(listener, edge.clone()))
    }
}

/// Wires the services of `system`. `listen` creates the listeners' servers.
///
/// Fails if the settings of a channel cannot be applied.
pub fn assemble(
    system: &System,
    dependencies: AppDependencies,
    listen: impl FnOnce(&Routers) -> Listeners,
) -> Result<Assembly, NotifierFault> {
    let AppDependencies { services, control, manual } = dependencies;
    let (config, store) = (Arc::clone(&services.config), services.store.clone());
    let (routers, log) = (Routers::default(), services.log.clone());
    let mut root = Supervisor::root(system);
    let services = tree::services(&mut root, system, services, listen(&routers))?;
    let about = (services.relays.clone(), services.notifier.clone());
    let operations = Operations::new(system.clone(), store.clone(), about, log);
    if let Some(manual) = manual {
        operations.let_advance(manual);
    }
    let dependencies = EdgeDependencies {
        clock: system.shared_clock(),
        entropy: system.shared_entropy(),
        authenticator: Arc::new(services.auth.clone()),
        control,
    };
    let edge = EdgeServices {
        edge: Arc::new(EdgeContext::new(&config, dependencies)),
        operations,
        auth: services.auth.clone(),
        users: services.users.clone(),
        notifier: services.notifier.clone(),
        relays: services.relays.clone(),
        audit: Audit::new(system.clone(), store),
    };
    // This is the only place that sets it.
    let _ = routers.0.set(edge.clone());
    Ok(Assembly { root, services, edge })
}
