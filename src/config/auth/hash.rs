//! `[auth.hash]`

use crate::{config::section::section, types::limits};

section! {
    /// The hashing of passwords (argon2id). A higher number upgrades each hash at its user's next login.
    pub struct HashConfig {
        /// Memory of one hash, in KiB.
        memory_kib: u32 = 19_456, within 8..=1_048_576;
        /// Passes over the memory.
        iterations: u32 = 2, within 1..=20;
        /// Lanes of one hash.
        parallelism: u32 = 1, within 1..=16;
        /// Threads that compute hashes; 0 means one per core.
        threads: u32 = 0, within 0..=256;
        /// Passwords that wait for a thread; further ones are answered with 503.
        queue: u32 = 64, within 1..=4_096;
        /// Waiting passwords from one network (IPv4 /24, IPv6 /64).
        queue_per_network: u32 = 4, within 1..=4_096;
    }
}

impl HashConfig {
    /// The number of hash threads on a machine with `cores` cores.
    pub fn threads_on(&self, cores: usize) -> usize {
        match self.threads {
            0 => cores.max(1),
            set => usize::try_from(set).unwrap_or(1),
        }
    }

    /// The number of passwords that may wait for a thread.
    pub fn places(&self) -> usize {
        usize::try_from(self.queue).unwrap_or(limits::HASHER_QUEUE)
    }
}
