//! Everything behind the routers, wired by the program's own builder and not started: who calls a service is answered
//! that it is unavailable.

use std::sync::Arc;

use futures::FutureExt;
use majordomo::{
    actors::{
        auth::AuthKeys,
        edge,
        hasher::{HasherBounds, HasherPool},
    },
    app::{
        services::{self, AppDependencies, Assembly},
        tree::{Listeners, ServiceDependencies},
    },
    config::Config,
    crypto::{
        device_token::DeviceKey,
        identifier::IdentifierKey,
        password::{PasswordCost, PasswordHasher},
        signing::SigningKeyPair,
        token::KeySet,
    },
    http::credential::ControlToken,
    persistence::Store,
    supervision::{ManualClock, System},
    types::SigningAlgorithm,
};

/// The pool of the tests: hashes cost next to nothing.
pub fn cheap_hasher(config: &Config) -> HasherPool {
    let cheap = PasswordCost { memory_kib: 8, passes: 1, lanes: 1 };
    HasherPool::new(PasswordHasher::new(cheap, Vec::new()).unwrap(), HasherBounds::from(&config.auth.hash))
}

/// The whole over `store`, with keys that are always the same. Requests come to the routers without sockets.
pub fn assembled(
    config: &Config,
    system: &System,
    (store, hasher): (&Store, HasherPool),
    (control, manual): (ControlToken, Option<Arc<ManualClock>>),
) -> Assembly {
    let signer = SigningKeyPair::generate(uuid::Uuid::nil().into(), SigningAlgorithm::EdDsa).unwrap();
    let services = ServiceDependencies {
        config: Arc::new(config.clone()),
        store: store.clone(),
        hasher,
        signing: KeySet::new(signer, Vec::new()).unwrap(),
        auth_keys: AuthKeys { device: DeviceKey::new([1; 32]), identifier: IdentifierKey::new([2; 32]) },
    };
    let listeners = Listeners { ops: no_socket(), public: no_socket() };
    services::assemble(system, AppDependencies { services, control, manual }, |_| listeners).unwrap()
}

fn no_socket() -> edge::Server {
    Arc::new(|stop| async move { Ok(stop.cancelled().await) }.boxed())
}
