//! The holder of a lease, as records name it.

use serde::{Deserialize, Serialize};

/// The holder of a lease: what is in progress names it, and is taken back when it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseHolder {
    /// The name of the lease.
    pub lease: String,
    /// The epoch under which it was granted.
    pub epoch: u64,
}

impl LeaseHolder {
    /// Whether this holder is over because `current` holds the same lease now. A lease has one holder, so any other
    /// epoch is over, also a higher one, as in a store that was restored from a snapshot.
    pub fn is_over_for(&self, current: &Self) -> bool {
        self.lease == current.lease && self.epoch != current.epoch
    }
}
