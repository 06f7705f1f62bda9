//! The seams to time and chance. Nothing else in the product reads a clock or a random source.

use std::time::Instant;

use super::{Stamp, Timestamp};

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The time of day in UTC; never runs backwards, not even over a restart.
    fn now(&self) -> Timestamp;
    /// A monotonic instant for deadlines and ages.
    fn instant(&self) -> Instant;
}

/// Where unpredictable bytes come from.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes`; a source that fails ends the process, since nothing safe can go on.
    fn fill(&self, bytes: &mut [u8]);

    /// An array of random bytes.
    fn bytes<const N: usize>(&self) -> [u8; N]
    where
        Self: Sized,
    {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// Samples time and chance for one flow.
pub fn stamp(clock: &dyn Clock, entropy: &dyn Entropy) -> Stamp {
    let mut seed = [0; 32];
    entropy.fill(&mut seed);
    Stamp { now: clock.now(), seed }
}
