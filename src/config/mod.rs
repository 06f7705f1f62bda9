//! The settings of an operator, and how they are read.
//!
//! Owns: every key with its default, range and comment; files, environment and flags; contradictions between settings,
//! and what production requires. Must not know: the parts that read the settings. Begin with `Config` below; each
//! section is one file; `load.rs` merges the sources.

mod auth;
mod check;
mod clock;
mod development;
mod deviations;
mod edge;
mod environment;
mod error;
mod events;
mod file;
mod file_modes;
mod load;
mod log;
mod modes;
mod nearest;
mod notify;
mod origin;
pub mod print;
mod renamed;
mod secrets;
mod section;
mod store;
#[cfg(test)]
mod tests;
mod unit;
mod value;

use std::path::PathBuf;

pub use auth::{
    AuthConfig, CodeConfig, HashConfig, LockoutConfig, PasswordConfig, RegistrationPolicy, SessionConfig,
    SigningAlgorithm, TokenClaim, TokenConfig,
};
pub use clock::ClockConfig;
pub use development::DevelopmentConfig;
pub use deviations::{Deviation, deviations};
pub use edge::{EdgeConfig, RateLimitsConfig, TimeoutsConfig};
pub use environment::{ColourWish, colour_wish};
pub use error::{ConfigError, ConfigWarning};
pub use events::EventsConfig;
pub use file_modes::{FileModeFault, tighten};
pub use load::{DEFAULT_FILE, FlagSetting, LoadedConfig, Sources};
pub use log::{LogConfig, LogFormat, LogLevel};
pub use modes::refusals;
pub use notify::{EmailConfig, InboxConfig, LinksConfig, MailTransportChoice, NotifyConfig};
pub use origin::SettingOrigin;
pub use secrets::SecretsConfig;
pub use section::{Section, ValueSlot, Visitor};
pub use store::{EngineChoice, StoreConfig};
pub use unit::UNIT_FILE;
pub use value::{ByteSize, Choice, HttpUrl, LinkTemplate, MailSender, SmtpUrl, Text, WebOrigin, Written};

use section::section;

section! {
    /// Every key with its default. Durations are a number and one of ms, s, m, h, d ("15m"); sizes are a number and one
    /// of B, KiB, MiB, GiB ("64KiB"); "" means none.
    pub struct Config {
        /// "development" accepts only loopback connections and stores mail in an inbox; "production" starts only if
        /// `majordomo config check --production` reports that it would.
        mode: Mode = Mode::Development;
        /// The URL of this server for browsers and applications; required in production, where it must be https. ""
        /// means http:// and edge.listen.
        public_url: Option<HttpUrl> = None;
    }
    with {
        /// Settings of development mode.
        development: DevelopmentConfig,
        /// The listeners and their limits.
        edge: EdgeConfig,
        /// The store.
        store: StoreConfig,
        /// The trust in the machine's clock.
        clock: ClockConfig,
        /// Files with keys.
        secrets: SecretsConfig,
        /// Registration, login, sessions, tokens.
        auth: AuthConfig,
        /// Notifications to users.
        notify: NotifyConfig,
        /// The event log.
        events: EventsConfig,
        /// The log of the process.
        log: LogConfig,
    }
}

impl Config {
    /// The public URL of this server, without a slash at the end.
    pub fn public_url(&self) -> String {
        self.public_url.as_ref().map_or_else(|| format!("http://{}", self.edge.listen), |url| url.as_str().to_owned())
    }

    /// The file of the key ring.
    pub fn key_ring_file(&self) -> PathBuf {
        self.secrets.key_ring_file.clone().unwrap_or_else(|| self.store.path.join("keys").join("ring.json"))
    }

    /// The `iss` of tokens, byte for byte.
    pub fn issuer(&self) -> String {
        self.auth.issuer.as_ref().map_or_else(|| self.public_url(), |url| url.as_str().to_owned())
    }
}

/// The mode of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For a developer's machine: an inbox instead of mail, loopback only.
    Development,
    /// For an installation with users.
    Production,
}

impl Choice for Mode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("development", Self::Development), ("production", Self::Production)];
}
