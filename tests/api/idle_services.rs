//! The services behind the router, in memory. Not started: whoever calls one is told it is unavailable.

use majordomo::{
    actors::{
        auth::{Auth, AuthContext, AuthKeys},
        hasher::{HasherBounds, HasherPool},
        otp::Otp,
        user::{UserContext, Users},
    },
    config::Config,
    crypto::{
        device_token::DeviceKey,
        identifier::IdentifierKey,
        password::{PasswordCost, PasswordHasher},
        signing::SigningKeyPair,
        token::KeySet,
    },
    persistence::Store,
    supervision::{Spec, Supervisor, System},
    types::SigningAlgorithm,
};

/// The handles of services that do not run.
pub fn idle(config: &Config, system: &System, store: &Store) -> (Auth, Users) {
    let mut root = Supervisor::root(system);
    let cheap = PasswordCost { memory_kib: 8, passes: 1, lanes: 1 };
    let hasher = HasherPool::new(PasswordHasher::new(cheap, Vec::new()).unwrap(), HasherBounds::default());
    let signer = SigningKeyPair::generate(uuid::Uuid::nil().into(), SigningAlgorithm::EdDsa).unwrap();
    let keys = AuthKeys { device: DeviceKey::new([1; 32]), identifier: IdentifierKey::new([2; 32]) };
    let otp = Otp::supervised(&mut root, Spec::park("otp"), system.clone(), store.clone(), &config.auth.code);
    let signing = KeySet::new(signer, Vec::new()).unwrap();
    let auth_context = AuthContext::new(system, store, &hasher, &otp, config, (keys, signing));
    let auth = Auth::new(root.commands(Spec::escape("auth"), auth_context));
    let user_context = UserContext::new(system.clone(), store.clone(), hasher, &config.auth);
    let users = Users::new(root.commands(Spec::escape("user"), user_context));
    (auth, users)
}
