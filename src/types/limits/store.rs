//! Bounds of the store: transactions, journal, snapshots, disk.

use std::time::Duration;

/// Rows of one scan of the store.
pub const SCAN_MAX: usize = 1_000;
/// Sealed values of one transaction that reseals or drops them: they are in memory together.
pub const RESEALED_AT_ONCE: usize = SCAN_MAX / 4;
/// Operations in one transaction.
pub const TX_OPERATIONS_MAX: usize = 10_000;
/// Bytes of operations in one transaction.
pub const TX_BYTES_MAX: usize = 4 << 20;
/// Closures in one group of the writer.
pub const GROUP_MAX: usize = 128;
/// Bytes of operations in one group after which no further closure is added.
pub const GROUP_BYTES_MAX: usize = 1 << 20;
/// Bulk work (batches of upkeep, imports) gets 1/`BULK_PART` of a group's places and bytes.
pub const BULK_PART: usize = 4;
/// Requests waiting for the writer.
pub const WRITE_QUEUE_MAX: usize = 4_096;
/// Bulk work waiting for the writer.
pub const BULK_QUEUE_MAX: usize = 256;
/// Bytes of one value; a hard cap.
pub const VALUE_MAX: usize = 64 << 10;
/// Bytes of one value with its checksum.
pub const STORED_VALUE_MAX: usize = VALUE_MAX + 4;
/// Keys that a tree remembers because it was rebuilt for them.
pub const DAMAGED_KEYS_MAX: usize = 64;
/// Bytes of one journal segment.
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// Keys of one `apply_batch` of sled.
pub const SLED_BATCH_KEYS: usize = 128;
/// Keys of one batch of a tree that is rebuilt.
pub const REBUILD_BATCH_KEYS: usize = 1_000;
/// Journal bytes between two checkpoints.
pub const CHECKPOINT_BYTES: u64 = 16 << 20;
/// Time between two checkpoints while there is work.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Bytes of one key.
pub const KEY_MAX: usize = 1_024;
/// Bytes of one frame of the journal: a transaction, and the heads of its operations.
pub const FRAME_MAX: usize = 16 << 20;
/// Bytes of memory for sled's page cache.
pub const SLED_CACHE_BYTES: u64 = 128 << 20;
/// Bytes of memory for redb's page cache.
pub const REDB_CACHE_BYTES: usize = 128 << 20;
/// How long a journal segment is kept after a snapshot covers it.
pub const JOURNAL_RETENTION: Duration = Duration::from_secs(24 * 3_600);
/// Journal bytes above which covered segments are removed before `JOURNAL_RETENTION`.
pub const JOURNAL_RETENTION_BYTES: u64 = 4 << 30;
/// Time between two snapshots while there is work.
pub const SNAPSHOT_EVERY: Duration = Duration::from_secs(6 * 3_600);
/// Journal bytes between two snapshots.
pub const SNAPSHOT_BYTES: u64 = 1 << 30;
/// Number of snapshots in the data directory.
pub const SNAPSHOTS_KEPT: usize = 2;
/// The writer is busy with one step for this long: the process ends (`store.writer_limit`).
pub const WRITER_LOST: Duration = Duration::from_secs(30);
/// The writer is busy with one step for this part of that time: health `down`.
pub const WRITER_STUCK_PART: u32 = 6;
/// The time beyond all limits of a shutdown after which a process is killed whose writer hangs.
pub const STUCK_EXIT_MARGIN: Duration = Duration::from_secs(2);
/// How long health is `down` after a transaction's deadline had passed when its turn came.
pub const WRITES_EXPIRED_SHOWN: Duration = Duration::from_secs(10);
/// The interval at which a read looks whether the group that is being applied is done.
pub const READ_LOOK_EVERY: Duration = Duration::from_micros(100);
/// The value of `Retry-After` while the store is opened, rebuilt or migrated.
pub const STARTING_RETRY: Duration = Duration::from_secs(5);
/// How long a stop waits for an opening, which is abandoned after that: a killed opening loses nothing either.
pub const STOP_OPENING: Duration = Duration::from_millis(700);
/// Between two lines of the log about the progress of one phase of a start.
pub const PROGRESS_LOG_EVERY: Duration = Duration::from_secs(5);
/// Bytes of the file that is given up when the disk is full (`store.ballast`).
pub const BALLAST_BYTES: u64 = 64 << 20;
/// Free bytes below which a commit gives the ballast up before it is written, so that the tree finds space.
pub const BALLAST_UNDER: u64 = 4 << 20;
/// Free bytes below which a start gives the ballast up, and the least that a start needs.
pub const START_ROOM: u64 = 16 << 20;
/// A segment of the journal reserves at most this part of the free space.
pub const SEGMENT_PART: u64 = 4;
/// Free bytes that a snapshot of the store by itself has to leave.
pub const SNAPSHOT_LEAVES: u64 = 32 << 20;
/// Bytes that a snapshot takes beside the keys and values.
pub const SNAPSHOT_FRAME: u64 = 1 << 20;
/// The interval between two looks at the files of the journal.
pub const JOURNAL_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Free bytes below which imports, sends and registrations are refused.
pub const DISK_LOW: u64 = 512 << 20;
/// Free bytes below which everything except ending access is refused.
pub const DISK_FULL: u64 = 128 << 20;
/// The tree's file is compacted when it has more than this many times the bytes of its keys and values.
pub const COMPACT_RATIO: u64 = 3;
/// A compacted file is compacted again only when it has grown to this many times its size.
pub const COMPACT_REGROWN: u64 = 2;
/// Bytes of the tree's file below which it is not compacted.
pub const COMPACT_ABOVE_BYTES: u64 = 64 << 20;
/// The least time between two compactions by the program itself.
pub const COMPACT_EVERY: Duration = Duration::from_hours(24);
/// After a compaction that failed, the program begins another one after this time, or `COMPACT_EVERY` if it is less.
pub const COMPACT_RETRY: Duration = Duration::from_hours(1);
/// The least time between two rebuilds of a tree whose rows are missing or do not fit.
pub const REPAIR_EVERY: Duration = Duration::from_hours(6);
/// Time between two looks at the size of the tree's file.
pub const COMPACT_LOOK_EVERY: Duration = Duration::from_mins(10);
/// The share of its time, in percent, that a rebuild beside a running store works.
pub const COMPACT_SHARE_PERCENT: u32 = 25;
/// Rounds at full pace in which a rebuild does not come closer to the last commit; then it stops.
pub const SWAP_ROUNDS_BEHIND: u32 = 50;
/// Commits that a rebuilt tree may lack when the writer takes it over, which applies them between two groups.
pub const SWAP_LAG_MAX: u64 = GROUP_MAX as u64;
/// Bytes that a rebuild applies between two checkpoints of the new tree.
pub const SWAP_CHECKPOINT_KEYS: u64 = 50_000;
