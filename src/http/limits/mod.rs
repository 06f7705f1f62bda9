//! Rate limits of requests.
//!
//! Owns: the counts, by address and by user. Must not know: routes; a route names its class.
//! Begin with [`Limiter::take`]. Health and keys are exempt. Requests with a verified credential count by user; all
//! others, and those whose credential is refused, count by address, so that each guess of a token uses quota.

mod gcra;
mod table;

use std::{net::IpAddr, time::Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

pub use gcra::{Quota, QuotaState};
use table::RateTable;

use super::{
    error::{ApiError, ProblemCode},
    route::Class,
};
use crate::{
    config::RateLimitsConfig,
    types::{Network, Principal, id::UserId},
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The key of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateLimitKey {
    /// An IPv4 address.
    Address([u8; 4]),
    /// An IPv6 /64, the usual size of one client's network.
    Network(Network),
    /// A signed-in user.
    User(UserId),
}

impl RateLimitKey {
    /// The key of an address. Requests without one, which only tests make, share a key.
    pub fn at(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Address([0; 4]),
            Some(IpAddr::V4(address)) => Self::Address(address.octets()),
            Some(address @ IpAddr::V6(_)) => Self::Network(Network::of(address)),
        }
    }

    /// The key of a verified user.
    pub fn user(principal: &Principal) -> Self {
        Self::User(principal.user)
    }
}

/// The kinds of counts, each with its own quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Requests without a verified credential.
    Anonymous,
    /// Requests of a user.
    Authenticated,
    /// Logins.
    Login,
    /// Registrations.
    Register,
    /// Requests that send a code.
    CodeRequest,
}

impl Policy {
    const ALL: [Self; 5] = [Self::Anonymous, Self::Authenticated, Self::Login, Self::Register, Self::CodeRequest];

    fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Authenticated => "authenticated",
            Self::Login => "login",
            Self::Register => "register",
            Self::CodeRequest => "code",
        }
    }

    fn quota(self, limits: &RateLimitsConfig) -> Quota {
        Quota::a_minute(match self {
            Self::Anonymous => limits.anonymous,
            Self::Authenticated => limits.authenticated,
            Self::Login => limits.login,
            Self::Register => limits.register,
            Self::CodeRequest => limits.code,
        })
    }

    /// The policy of a class that is always counted by address; `None` for classes whose policy depends on the caller.
    pub fn of_address(class: Class) -> Option<Self> {
        match class {
            Class::Exempt | Class::Standard => None,
            Class::Login => Some(Self::Login),
            Class::Register => Some(Self::Register),
            Class::CodeRequest => Some(Self::CodeRequest),
        }
    }
}

/// All counts of this process.
pub struct Limiter(Option<Vec<RateTable>>);

/// The result of one counted request.
#[derive(Debug, Clone, Copy)]
pub struct QuotaTaken {
    policy: Policy,
    quota: Quota,
    state: QuotaState,
}

impl Limiter {
    /// Counts from `start` on, or nothing if `edge.rate_limits.enabled` is false.
    pub fn new(limits: &RateLimitsConfig, start: Instant) -> Self {
        let tables = || Policy::ALL.iter().map(|policy| RateTable::new(policy.quota(limits), start)).collect();
        Self(limits.enabled.then(tables))
    }

    fn table(&self, policy: Policy) -> Option<&RateTable> {
        let place = Policy::ALL.iter().position(|known| *known == policy)?;
        self.0.as_ref()?.get(place)
    }

    /// Moves a request that `policy` has counted to the anonymous quota, if that quota allows it: the request was not
    /// of the kind of `policy`.
    pub fn recount(&self, policy: Policy, key: RateLimitKey, now: Instant) -> Option<QuotaTaken> {
        let taken = self.take(Policy::Anonymous, key, now).filter(|taken| taken.allowed().is_ok())?;
        self.table(policy)?.give_back(key);
        Some(taken)
    }

    /// Counts one request of `key` at `now`; `None` if rate limits are off.
    pub fn take(&self, policy: Policy, key: RateLimitKey, now: Instant) -> Option<QuotaTaken> {
        let table = self.table(policy)?;
        Some(QuotaTaken { policy, quota: table.quota(), state: table.take(key, now) })
    }
}

impl QuotaTaken {
    /// Error 429 if the quota is used up.
    pub fn allowed(&self) -> Result<(), ApiError> {
        match self.state.refused_for {
            None => Ok(()),
            Some(wait) => Err(ApiError::new(ProblemCode::RateLimited).retry_after(wait)),
        }
    }

    /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
    pub fn write(&self, headers: &mut HeaderMap) {
        let name = self.policy.name();
        let window = self.quota.window().as_secs();
        let reset = self.state.full_in.as_secs() + u64::from(self.state.full_in.subsec_nanos() > 0);
        let policy = format!("\"{name}\";q={};w={window}", self.quota.requests());
        let limit = format!("\"{name}\";r={};t={reset}", self.state.remaining);
        for (header, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, limit)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(header, value);
            }
        }
    }
}
