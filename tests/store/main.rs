//! The store from outside: groups, guarantees, bytes.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests panic")]

mod accepted_time;
mod bulk;
mod bytes;
mod catalogues;
mod check;
mod checks;
mod crashes;
mod damage;
mod damaged_values;
mod descriptors;
mod engines;
mod erasing;
mod flips;
mod group;
mod hanging;
mod inode;
mod keys;
mod leases;
mod log;
mod migrations;
mod mutilations;
mod opening;
mod promises;
mod reads;
mod rebuilding;
mod samples;
mod scrub;
mod sim_fs;
mod snapshots;
mod test_disk;
mod test_store;
mod tools;
mod trees;
mod variants;
