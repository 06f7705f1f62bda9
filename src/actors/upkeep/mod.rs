//! Upkeep: ends and removes expired records, in small batches.
//!
//! - **Owns:** no table; it removes rows through the functions of each table's owner.
//! - **Wakes on:** its timers; each worker works while it holds the lease of its name.
//! - **Promises:** no rule depends on it, because every rule reads the time itself. It frees space and emits the events
//!   of ends.
//! - **Loses on crash:** nothing.
//!
//! Must not know: HTTP, how rows are stored. Begin with `expirer.rs`.

mod audit_head;
mod compaction;
mod expirer;
mod log_level;
mod notification_retention;
mod redating;
mod retention;
mod snapshots;

pub use audit_head::AuditHeadLog;
pub use compaction::{Compaction, replaced};
pub use expirer::Expirer;
pub use log_level::LogLevelEnd;
pub use notification_retention::NotificationRetention;
pub use redating::Redating;
pub use retention::Retention;
pub use snapshots::Snapshots;

use crate::{
    persistence::{Lease, Write},
    supervision::TaskCx,
    types::{Call, CallContext, Work, limits},
};

/// The write of a batch that frees space and has no waiting caller; `request` is its request id in events and entries.
fn batch((cx, lease): (&TaskCx, &Lease), request: &str) -> Write {
    let work = Work::until(cx.system().clock().instant() + limits::CALL_DEADLINE);
    let call = Call { work, context: CallContext::service("upkeep", request) };
    Write::of(&call, cx.system().stamp()).reclaim().bulk().under(lease.fence())
}
