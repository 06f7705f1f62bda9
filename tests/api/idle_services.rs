//! The services behind the routers, built by the program's builder and not started: every call is answered with
//! 503 `unavailable`.

use std::sync::{Arc, OnceLock};

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
    domain::auth::{KeyStage, SigningKey},
    http::credential::ControlToken,
    persistence::Store,
    supervision::{ManualClock, System},
    telemetry::log::LogSwitch,
    types::SigningAlgorithm,
};

use crate::test_app::START;

/// The hasher pool of the tests, with the cheapest hash.
pub fn cheap_hasher(config: &Config) -> HasherPool {
    let cheap = PasswordCost { memory_kib: 8, passes: 1, lanes: 1 };
    HasherPool::new(PasswordHasher::new(cheap, Vec::new()).unwrap(), HasherBounds::from(&config.auth.hash))
}

/// The signing key of every test store, which signs since `START`.
pub fn signing_key() -> SigningKey {
    static PRIVATE: OnceLock<Vec<u8>> = OnceLock::new();
    let (id, algorithm) = (uuid::Uuid::nil().into(), SigningAlgorithm::EdDsa);
    let make = || SigningKeyPair::generate(id, algorithm).unwrap().to_pkcs8().unwrap().to_vec();
    let private_der = PRIVATE.get_or_init(make).clone();
    SigningKey { id, algorithm, private_der, stage: KeyStage::Signing, created_at: START, stage_since: START }
}

/// The routers and services over `store`, with fixed keys. Requests reach the routers without sockets.
pub fn assembled(
    config: &Config,
    system: &System,
    (store, hasher): (&Store, HasherPool),
    (control, manual): (ControlToken, Option<Arc<ManualClock>>),
    log: LogSwitch,
) -> Assembly {
    let services = ServiceDependencies { log, ..dependencies(config, (store, hasher)) };
    services::assemble(system, AppDependencies { services, control, manual }, |_| no_sockets()).unwrap()
}

/// The dependencies of services over `store`, with fixed keys.
pub fn dependencies(config: &Config, (store, hasher): (&Store, HasherPool)) -> ServiceDependencies {
    let key = signing_key();
    let signer = SigningKeyPair::from_pkcs8(key.id, key.algorithm, &key.private_der).unwrap();
    ServiceDependencies {
        config: Arc::new(config.clone()),
        store: store.clone(),
        hasher,
        signing: KeySet::new(signer, Vec::new()).unwrap(),
        auth_keys: AuthKeys { device: DeviceKey::new([1; 32]), identifier: IdentifierKey::new([2; 32]) },
        mail: None,
        log: LogSwitch::without_output(config.log.level),
    }
}

/// Listeners that listen nowhere.
pub fn no_sockets() -> Listeners {
    Listeners { ops: no_socket(), public: no_socket() }
}

fn no_socket() -> edge::Server {
    Arc::new(|stop| {
        let served = async move {
            stop.cancelled().await;
            Ok(())
        };
        served.boxed()
    })
}
