//! Bounds of password hashing.

use std::time::Duration;

/// Memory, in KiB, of one password hash; a stored hash that needs more is refused.
pub const PASSWORD_MEMORY_MAX_KIB: u32 = 1 << 20;
/// Passes over that memory of one password hash.
pub const PASSWORD_PASSES_MAX: u32 = 64;
/// Lanes of one password hash.
pub const PASSWORD_LANES_MAX: u32 = 16;
/// The deadline of calls that hash a password.
pub const HASHING_DEADLINE: Duration = Duration::from_secs(10);
/// Passwords that wait for a hasher thread.
pub const HASHER_QUEUE: usize = 64;
/// Passwords of one network that wait for a hasher thread.
pub const HASHER_QUEUE_PER_NETWORK: usize = 4;
