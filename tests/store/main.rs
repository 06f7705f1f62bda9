//! The store from outside: groups, guarantees, bytes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests panic, and say what they counted"
)]

mod accepted_time;
mod bulk;
mod bytes;
mod catalogues;
mod check;
mod checks;
mod compaction;
mod crashes;
mod damage;
mod damaged_values;
mod descriptors;
mod engines;
mod erasing;
mod flips;
mod full_disk;
mod group;
mod hanging;
mod inode;
mod keys;
mod leases;
mod log;
mod migrations;
mod mutilations;
mod one_writer;
mod opening;
mod promises;
mod reads;
mod rebuilding;
mod samples;
mod scrub;
mod sealed_snapshots;
mod sim_fs;
mod snapshots;
mod swaps;
mod test_disk;
mod test_store;
mod tools;
mod trees;
mod vanished;
mod variants;
mod write_space;
