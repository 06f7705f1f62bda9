//! The context that the commands of `AuthActor` share.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{mark_used::FirstUses, password_costs::PasswordCosts, tokens::Tokens};
use crate::{
    actors::{hasher::HasherPool, otp::Otp},
    config::{self, TokenClaim},
    crypto::{
        device_token::{DeviceKey, KnownDevice},
        identifier::IdentifierKey,
        password::SALT_BYTES,
        refresh_token::RefreshToken,
        token::{AccessClaims, ExpectedClaims, KeySet},
        verified_cache::VerifiedCache,
    },
    domain::{
        auth::{Session, password_policy::PasswordPolicy},
        user::{AddressRule, User},
    },
    persistence::{Store, Write},
    supervision::{CommandContext, System},
    types::{Call, Fault, Secret, Timestamp, id::UserId, limits},
};

/// AuthActor's subkeys of the root key ring.
pub struct AuthKeys {
    /// Signs device tokens.
    pub device: DeviceKey,
    /// Hashes identifiers that no user has.
    pub identifier: IdentifierKey,
}

/// The state that the handle and all commands share. Its cached values are checked again in each transaction.
pub struct AuthContext {
    pub(super) system: System,
    pub(super) store: Store,
    pub(super) hasher: HasherPool,
    pub(super) otp: Otp,
    pub(super) settings: Arc<config::AuthConfig>,
    /// Whether a channel to phones is configured.
    pub(super) reaches_phones: bool,
    pub(super) password_policy: PasswordPolicy,
    /// Whether users can sign in before they have proven their address.
    pub(super) address_rule: AddressRule,
    /// Whether ordinary refreshes write events and audit entries.
    pub(super) refreshes_are_recorded: bool,
    pub(super) expected: ExpectedClaims,
    pub(super) keys: AuthKeys,
    pub(super) verified: VerifiedCache<Arc<AccessClaims>>,
    pub(super) first_uses: Arc<FirstUses>,
    /// The costs of the hashes in the store.
    pub(super) costs: PasswordCosts,
    signing: RwLock<Arc<KeySet>>,
}

impl CommandContext for AuthContext {
    const KIND: &'static str = "AuthActor";
}

fn address_rule(auth: &config::AuthConfig) -> AddressRule {
    if auth.require_verified_email { AddressRule::MustBeProven } else { AddressRule::MayBeUnproven }
}

impl AuthContext {
    /// The context with the settings of `config`.
    pub fn new(
        system: &System,
        store: &Store,
        hasher: &HasherPool,
        otp: &Otp,
        config: &config::Config,
        (keys, signing): (AuthKeys, KeySet),
    ) -> Arc<Self> {
        Arc::new(Self {
            system: system.clone(),
            store: store.clone(),
            hasher: hasher.clone(),
            otp: otp.clone(),
            password_policy: PasswordPolicy::from(&config.auth.password),
            address_rule: address_rule(&config.auth),
            refreshes_are_recorded: config.events.session_refreshed,
            settings: Arc::new(config.auth.clone()),
            reaches_phones: config.notify.reaches_phones(),
            expected: ExpectedClaims { issuer: config.issuer(), audience: config.auth.audience.clone() },
            keys,
            verified: VerifiedCache::new(limits::VERIFIED_TOKENS),
            first_uses: Arc::default(),
            costs: PasswordCosts::default(),
            signing: RwLock::new(Arc::new(signing)),
        })
    }

    /// The write of a transaction of `call`.
    pub(super) fn write(&self, call: &Call) -> Write {
        Write::of(call, self.system.stamp())
    }

    /// The signing keys in use.
    pub(super) fn signing(&self) -> Arc<KeySet> {
        Arc::clone(&self.signing.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the signing keys, and empties the cache of verified tokens, which may be signed by removed keys.
    pub(super) fn use_keys(&self, keys: KeySet) {
        *self.signing.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        self.verified.clear();
    }

    /// A new random salt for a password's hash.
    pub(super) fn salt(&self) -> [u8; SALT_BYTES] {
        let mut salt = [0; SALT_BYTES];
        self.system.entropy().fill(&mut salt);
        salt
    }

    /// The tokens of a session at its current generation.
    pub(super) fn tokens(&self, user: &User, session: &Session) -> Result<Tokens, Fault> {
        let now = self.system.clock().now();
        let claims = self.claims(user, session, now);
        let access = self.signing().sign(&claims).map_err(|fault| Fault::bug(fault.to_string()))?;
        Ok(Tokens {
            access,
            expires_in: self.settings.token.lifetime,
            refresh: RefreshToken::make(session.id, session.refresh.generation, &session.seed).text(),
            refresh_expires_in: session.idle_until.min(session.ends_at).since(now),
            user: user.id,
            session: session.id,
        })
    }

    fn claims(&self, user: &User, session: &Session, now: Timestamp) -> AccessClaims {
        let mut jti = [0; 16];
        self.system.entropy().fill(&mut jti);
        AccessClaims {
            iss: self.expected.issuer.clone(),
            aud: self.expected.audience.clone(),
            sub: user.id,
            exp: now.plus(self.settings.token.lifetime).as_seconds(),
            iat: now.as_seconds(),
            jti: format!("{:032x}", u128::from_be_bytes(jti)),
            sid: session.id,
            generation: session.refresh.generation,
            client_id: "app".to_owned(),
            scope: String::new(),
            roles: user.roles.clone(),
            auth_time: session.auth_time.as_seconds(),
            amr: session.amr.clone(),
            extra: self.extra_claims(user),
        }
    }

    fn extra_claims(&self, user: &User) -> BTreeMap<String, serde_json::Value> {
        let mut extra = BTreeMap::new();
        for claim in &self.settings.token.extra_claims {
            let (name, value) = match claim {
                TokenClaim::Email => {
                    // OpenID Connect Core 1.0 section 5.1.
                    extra.insert("email_verified".to_owned(), user.email_verified.into());
                    ("email", Some(user.email.as_str().to_owned()))
                }
                TokenClaim::Username => ("preferred_username", user.profile.username.as_ref().map(ToString::to_string)),
                TokenClaim::Locale => ("locale", user.profile.locale.as_ref().map(ToString::to_string)),
            };
            if let Some(value) = value {
                extra.insert(name.to_owned(), value.into());
            }
        }
        extra
    }

    /// The device of `token`, if this program issued it to `user` within `lockout.known_device` and since the last
    /// change of the password. An older device may belong to the person whom the change locks out, and the daily limit
    /// does not count the attempts of a known device.
    pub(super) fn known_device(&self, token: Option<&Secret>, user: &User) -> Option<KnownDevice> {
        let now = self.system.clock().now();
        let known = self.keys.device.recognise(token?.reveal(), user.id, now, self.settings.lockout.known_device);
        known.filter(|known| user.password_changed_at.is_none_or(|changed| known.issued >= changed))
    }

    /// A token for a device that has just signed in; a known device keeps its id.
    pub(super) fn device_token(&self, user: UserId, known: Option<KnownDevice>) -> Secret {
        let device = known.map_or_else(
            || {
                let mut drawn = [0; 16];
                self.system.entropy().fill(&mut drawn);
                drawn
            },
            |known| known.device,
        );
        self.keys.device.issue(user, &KnownDevice { device, issued: self.system.clock().now() })
    }
}
