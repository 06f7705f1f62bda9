//! Upkeep: what has had its time is ended and removed, in small batches.
//!
//! - **Owns:** no table; it removes rows through the functions of each table's owner.
//! - **Wakes on:** its timers; each worker works while it holds the lease of its name.
//! - **Promises:** nothing depends on it: every rule looks at the time itself. It frees room and tells of ends.
//! - **Loses on crash:** nothing.
//!
//! Must not know: HTTP, how rows are stored. Begin with `expirer.rs`.

mod audit_end;
mod expirer;
mod notification_retention;
mod retention;
mod snapshots;

pub use audit_end::AuditEnd;
pub use expirer::Expirer;
pub use notification_retention::NotificationRetention;
pub use retention::Retention;
pub use snapshots::Snapshots;

use crate::{
    persistence::{Lease, Write},
    supervision::TaskCx,
    types::{Call, CallContext, Work, limits},
};

/// What accompanies a batch that frees room and that no caller waits for; `request` names it in events and entries.
fn batch((cx, lease): (&TaskCx, &Lease), request: &str) -> Write {
    let work = Work::until(cx.system().clock().instant() + limits::CALL_DEADLINE);
    let call = Call { work, context: CallContext::service("upkeep", request) };
    Write::of(&call, cx.system().stamp()).reclaim().bulk().under(lease.fence())
}
