//! Bounds of passwords, tokens, sessions and registrations.

use std::time::Duration;

/// Characters kept of a `User-Agent` header.
pub const USER_AGENT_MAX: usize = 256;
/// Characters of a device's name.
pub const DEVICE_NAME_MAX: usize = 100;
/// Characters of a password, after NFC.
pub const PASSWORD_MAX: usize = 128;
/// Bytes of a password in a request.
pub const PASSWORD_INPUT_MAX: usize = 1_024;
/// Bytes of an access token; longer ones are refused unread.
pub const ACCESS_TOKEN_MAX: usize = 8 << 10;
/// Bytes of a user name or address in a request, before the lookup.
pub const IDENTIFIER_INPUT_MAX: usize = 1_024;
/// Valid registrations of one address.
pub const REGISTRATIONS_PER_ADDRESS: usize = 3;
/// First users, and newest users, whose password hashes are read to learn their costs.
pub const PASSWORD_COSTS_SAMPLE: usize = 250;
/// How long these costs are used before they are read again.
pub const PASSWORD_COSTS_FRESH: Duration = Duration::from_secs(600);
/// The period in which code tries for a password reset are counted, for callers that name only the address.
pub const RESET_TRIES_SPAN: Duration = Duration::from_secs(24 * 3_600);
/// Sessions of one user.
pub const SESSIONS_PER_USER: usize = 100;
/// Cached verified access tokens, over all shards.
pub const VERIFIED_TOKENS: usize = 16_384;
/// Earlier refresh generations whose first use a session stores; only those younger than the grace period count.
pub const REFRESH_GENERATIONS: usize = 16;
/// How long first uses of refresh generations are collected before they are written together.
pub const FIRST_USES_WITHIN: Duration = Duration::from_secs(1);
/// First uses of refresh generations that wait to be written; all of them fit one transaction.
pub const FIRST_USES_MAX: usize = 1_024;
/// Minimum bytes of a pepper.
pub const PEPPER_MIN: usize = 16;
