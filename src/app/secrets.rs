//! Reads the files of secrets at the start: the hasher with its pepper, AuthActor's keys.

use std::path::Path;

use super::AppError;
use crate::{
    actors::{
        auth::AuthKeys,
        hasher::{HasherBounds, HasherPool},
        notifier,
    },
    config::Config,
    crypto::{
        device_token::DeviceKey,
        identifier::IdentifierKey,
        password::{PasswordCost, PasswordHasher, Pepper},
    },
    domain::user::UserFilter,
    persistence::{Store, tables::user},
    types::{Fault, PageLimit, Secret, limits},
};

/// The pool of hashing threads with the parameters of the settings; no thread is started yet.
pub fn hasher(config: &Config) -> Result<HasherPool, AppError> {
    let peppers = match &config.secrets.pepper_file {
        None => Vec::new(),
        Some(path) => vec![pepper(path)?],
    };
    let hasher = PasswordHasher::new(PasswordCost::from(&config.auth.hash), peppers)
        .map_err(|fault| AppError::Setting(format!("auth.hash: {fault}; see `majordomo config explain auth.hash`")))?;
    Ok(HasherPool::new(hasher, HasherBounds::from(&config.auth.hash)))
}

/// Reads the files that settings name, as a start does: the pepper and the mail server's certificates.
pub fn check_files(config: &Config) -> Result<(), AppError> {
    hasher(config)?;
    notifier::check_transport(&config.notify.email).map_err(|fault| AppError::Setting(fault.to_string()))
}

/// The id of the pepper in each hash identifies the pepper without revealing it.
fn pepper(path: &Path) -> Result<Pepper, AppError> {
    let unfit = |reason: String| {
        let fix = "name the file that holds the pepper";
        AppError::Setting(format!("secrets.pepper_file: {}: {reason}; {fix}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| unfit(error.to_string()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.len() < limits::PEPPER_MIN {
        return Err(unfit(format!("a pepper has at least {} bytes", limits::PEPPER_MIN)));
    }
    let id = IdentifierKey::new([0; 32]).short(text.as_bytes());
    Ok(Pepper { id, key: Secret::new(text) })
}

/// Refuses a store whose newest users have passwords that cannot be checked, since their pepper is not configured.
pub(super) async fn demand_pepper(store: &Store, hasher: &HasherPool) -> Result<(), AppError> {
    let newest = store.read(|view| user::page(view, &UserFilter::default(), None, PageLimit::default()));
    let newest = newest.await.map_err(|fault| AppError::Start { step: "looking at the newest users", fault })?;
    for user in newest.rows {
        let Some(id) = user.password_hash.and_then(|hash| hasher.missing_pepper(&hash)) else { continue };
        return Err(AppError::Setting(format!(
            "secrets.pepper_file: the password of {} needs the pepper '{id}', which is not configured; name the file \
             that holds it or, if it is lost, set new passwords with `majordomo user reset-password`",
            user.email.shortened()
        )));
    }
    Ok(())
}

/// The subkeys of the ring that AuthActor needs.
pub(super) fn auth_keys(store: &Store) -> Result<AuthKeys, AppError> {
    let subkey = |purpose| {
        let newest = store.subkeys(purpose).into_iter().next().map(|key| *key);
        newest.ok_or(AppError::Start { step: "deriving keys", fault: Fault::bug("the key ring is empty") })
    };
    Ok(AuthKeys {
        device: DeviceKey::new(subkey("device_token")?),
        identifier: IdentifierKey::new(subkey("identifier")?),
    })
}
