//! Foreign parties: one file each, behind one trait each.
//!
//! Owns: how a party is spoken to, with what patience, and what it answered. Must not know: why something is sent, the
//! store, actors, HTTP frameworks. Begin with `mail.rs`, the trait; `smtp.rs` is its foreign side.

pub mod mail;
pub mod smtp;
