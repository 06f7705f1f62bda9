//! `[auth]` and the sections inside it.
//!
//! Owns: what is asked of registrations, passwords, logins, sessions, tokens and codes. Must not know: how they are
//! made. Begin with `AuthConfig`.

mod code;
mod hash;
mod lockout;
mod password;
mod session;
mod token;

use std::time::Duration;

pub use code::CodeConfig;
pub use hash::HashConfig;
pub use lockout::LockoutConfig;
pub use password::PasswordConfig;
pub use session::SessionConfig;
pub use token::{SigningAlgorithm, TokenClaim, TokenConfig};

use super::{
    HttpUrl,
    section::section,
    value::{Choice, days},
};

section! {
    /// Who may register, and what a login is.
    pub struct AuthConfig {
        /// The "iss" of tokens, byte for byte; "" means public_url.
        issuer: Option<HttpUrl> = None;
        /// The "aud" of tokens: the name under which your services check that a token is meant for them.
        audience: String = "majordomo".to_owned();
        /// Who may register: "open" (everybody), "domains" (addresses of auth.domains, and who is invited), "invite"
        /// (who is invited at POST /invitations), "closed" (nobody).
        registration: RegistrationPolicy = RegistrationPolicy::Open;
        /// Domains of addresses that may register, when registration is "domains".
        domains: Vec<String> = Vec::new();
        /// How long an invitation is good for.
        invitation_lifetime: Duration = days(7), within Duration::from_hours(1)..=days(30);
        /// How long a registration waits for its code.
        registration_lifetime: Duration = Duration::from_hours(24), within Duration::from_mins(10)..=days(7);
        /// Whether users must prove their address by a code before they enter. false signs them in as they register; it
        /// lets strangers find out who is a user, since an address that is taken is given no session.
        require_verified_email: bool = true;
        /// Whether a registration may say that an address is taken; true lets strangers find out who is a user.
        reveal_taken_addresses: bool = false;
    }
    with {
        /// What a password must be.
        password: PasswordConfig,
        /// How passwords are hashed.
        hash: HashConfig,
        /// What wrong passwords lead to.
        lockout: LockoutConfig,
        /// How long a login lasts.
        session: SessionConfig,
        /// Access tokens.
        token: TokenConfig,
        /// One-time codes.
        code: CodeConfig,
    }
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// Everybody.
    Open,
    /// Addresses of the named domains.
    Domains,
    /// Addresses that were invited.
    Invite,
    /// Nobody; administrators make users.
    Closed,
}

impl Choice for RegistrationPolicy {
    const WORDS: &'static [(&'static str, Self)] =
        &[("open", Self::Open), ("domains", Self::Domains), ("invite", Self::Invite), ("closed", Self::Closed)];
}
