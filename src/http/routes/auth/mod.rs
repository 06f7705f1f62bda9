//! Registration, sign-in, sessions, passwords, signing keys.
//!
//! Owns: the routes of registration, sign-in, sessions, passwords and signing keys. Must not know: how a password is
//! verified or a token is made. Begin with `registration.rs`.

pub mod key_rotation;
pub mod keys;
pub mod login;
pub mod logout;
pub mod passwords;
pub mod profile;
pub mod registration;
pub mod sessions;
pub mod user_sessions;
pub mod verification;

use crate::http::route::Route;

/// The routes of this folder.
pub(super) fn rows() -> Vec<Route> {
    [
        key_rotation::rows(),
        keys::rows(),
        login::rows(),
        logout::rows(),
        passwords::rows(),
        profile::rows(),
        registration::rows(),
        sessions::rows(),
        user_sessions::rows(),
        verification::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
