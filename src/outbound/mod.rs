//! Outbound connections to providers: one trait and one file for each kind.
//!
//! Owns: the protocol, the timeouts, and the provider's answer. Must not know: why a message is sent, the store,
//! actors, HTTP frameworks. Begin with `mail.rs`, the trait; `smtp` implements it.

pub mod mail;
pub mod smtp;
