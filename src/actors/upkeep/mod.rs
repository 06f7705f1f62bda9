//! Upkeep: what has had its time is ended and removed, in small batches.
//!
//! - **Owns:** no table; it removes rows through the functions of each table's owner.
//! - **Wakes on:** its timers.
//! - **Promises:** nothing depends on it: every rule looks at the time itself. It frees room and tells of ends.
//! - **Loses on crash:** nothing.
//!
//! Must not know: HTTP, how rows are stored. Begin with `expirer.rs`.

mod audit_end;
mod expirer;
mod retention;
mod snapshots;

pub use audit_end::AuditEnd;
pub use expirer::Expirer;
pub use retention::Retention;
pub use snapshots::Snapshots;
