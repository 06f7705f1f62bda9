//! What is secret, signed or hashed.
//!
//! Owns: password hashes, signing keys and access tokens, refresh and device tokens, one-time codes and those of
//! invitations, keyed hashes of identifiers. Everything here is a pure function of its arguments, but for the making of
//! keys.
//! Must not know: the store, the actors, HTTP, configuration files; keys come in as arguments.
//! Begin with `token.rs` (what an application's services check) and `password.rs` (what costs time).

pub mod code;
pub mod device_token;
pub mod identifier;
pub mod invitation_code;
pub mod jwk;
pub mod password;
pub mod refresh_token;
pub mod signing;
pub mod token;
pub mod verified_cache;
