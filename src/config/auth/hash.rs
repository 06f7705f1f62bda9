//! `[auth.hash]`

use crate::{config::section::section, types::limits};

section! {
    /// How passwords are hashed (argon2id). Raising a number upgrades each hash at its user's next login.
    pub struct HashConfig {
        /// Memory of one hash in KiB.
        memory_kib: u32 = 19_456, within 8..=1_048_576;
        /// Passes over that memory.
        iterations: u32 = 2, within 1..=20;
        /// Lanes of one hash.
        parallelism: u32 = 1, within 1..=16;
        /// Threads that hash; 0 means one a core.
        threads: u32 = 0, within 0..=256;
        /// Passwords waiting for a thread; further ones are answered 503.
        queue: u32 = 64, within 1..=4_096;
        /// Of those, from one network (IPv4 /24, IPv6 /64).
        queue_per_network: u32 = 4, within 1..=4_096;
    }
}

impl HashConfig {
    /// Threads that hash on a machine with so many `cores`.
    pub fn threads_on(&self, cores: usize) -> usize {
        match self.threads {
            0 => cores.max(1),
            set => usize::try_from(set).unwrap_or(1),
        }
    }

    /// Passwords waiting for a thread.
    pub fn places(&self) -> usize {
        usize::try_from(self.queue).unwrap_or(limits::HASHER_QUEUE)
    }
}
