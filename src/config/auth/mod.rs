//! `[auth]` and the sections inside it.
//!
//! Owns: the settings of registrations, passwords, logins, sessions, tokens and codes. Must not know: how those are
//! implemented. Begin with `AuthConfig`.

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
    /// Registration and sign-in.
    pub struct AuthConfig {
        /// The "iss" of tokens, byte for byte; "" means public_url.
        issuer: Option<HttpUrl> = None;
        /// The "aud" of tokens: the name by which your services check that a token is for them.
        audience: String = "majordomo".to_owned();
        /// Who may register: "open" (every person), "domains" (addresses of auth.domains, and invited persons),
        /// "invite" (persons invited by POST /invitations), "closed" (no person). With "domains" codes have eight
        /// digits, because the addresses of an organisation can be listed and their codes guessed side by side.
        registration: RegistrationPolicy = RegistrationPolicy::Open;
        /// Domains of addresses that may register, when registration is "domains".
        domains: Vec<String> = Vec::new();
        /// The lifetime of an invitation.
        invitation_lifetime: Duration = days(7), within Duration::from_hours(1)..=days(30);
        /// The lifetime of a registration that waits for its code.
        registration_lifetime: Duration = Duration::from_hours(24), within Duration::from_mins(10)..=days(7);
        /// Whether users must prove their address by a code before they sign in. false signs them in at registration;
        /// it reveals who is a user, because the registration of a taken address gets no session.
        require_verified_email: bool = true;
        /// Whether a registration may report that an address is taken; true reveals who is a user.
        reveal_taken_addresses: bool = false;
    }
    with {
        /// Rules on passwords.
        password: PasswordConfig,
        /// Hashing of passwords.
        hash: HashConfig,
        /// Lockout after wrong passwords.
        lockout: LockoutConfig,
        /// Lifetimes of sessions.
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
    /// Every person.
    Open,
    /// Addresses of the named domains.
    Domains,
    /// Addresses that were invited.
    Invite,
    /// No person; administrators create users.
    Closed,
}

impl Choice for RegistrationPolicy {
    const WORDS: &'static [(&'static str, Self)] =
        &[("open", Self::Open), ("domains", Self::Domains), ("invite", Self::Invite), ("closed", Self::Closed)];
}
