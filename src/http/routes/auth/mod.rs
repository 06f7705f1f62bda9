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
pub mod registrations;
pub mod sessions;
pub mod user_sessions;
pub mod verification;

use crate::http::route::Route;

/// The routes of this folder, in the order of a client that begins.
pub(super) fn rows() -> Vec<Route> {
    [
        registration::rows(),
        verification::rows(),
        login::rows(),
        profile::rows(),
        logout::rows(),
        passwords::rows(),
        sessions::rows(),
        user_sessions::rows(),
        registrations::rows(),
        keys::rows(),
        key_rotation::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
