//! Secrets, signatures and hashes.
//!
//! Owns: password hashes, signing keys and access tokens, refresh and device tokens, one-time codes, secrets
//! of links, codes of invitations, keyed hashes of identifiers. Everything is a pure function of its arguments, except
//! the generation of keys.
//! Must not know: the store, the actors, HTTP, configuration files; keys are passed as arguments.
//! Begin with `token.rs` (what an application's services verify) and `password.rs` (the expensive hashes).

pub mod code;
pub mod device_token;
pub mod identifier;
pub mod invitation_code;
pub mod jwk;
pub mod link_secret;
pub mod password;
pub mod refresh_token;
pub mod signing;
pub mod token;
pub mod verified_cache;
