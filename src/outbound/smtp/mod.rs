//! Mail by SMTP (RFC 5321, submission by RFC 6409) over `lettre`'s connection.
//!
//! Owns: the address of the server, connections, their reuse, and time limits. Must not know: what a refusal means
//! for a delivery. Begin with `transport.rs`; `url.rs` is the form of the server's address.

mod message;
mod server;
mod transport;

pub use server::{Security, SmtpServer};
pub use transport::{SmtpFault, SmtpSettings, SmtpTransport};
