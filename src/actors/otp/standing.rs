//! How a code stands, for the owner who asked for it. A read of the store.

use super::desk::Desk;
use crate::{
    domain::otp::{CodePurpose, Progress, progress, resend_at},
    persistence::tables::code,
    types::{
        Fault, Timestamp,
        id::{CodeId, UserId},
    },
};

/// A code without its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its id.
    pub code: CodeId,
    /// What it is to prove.
    pub purpose: CodePurpose,
    /// How far it has come.
    pub progress: Progress,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// From when on it may be asked for again.
    pub resend_at: Timestamp,
}

/// The code `wanted` of `owner`; `None` if there is none, or another took its place.
pub(super) fn run(desk: &Desk, owner: UserId, wanted: CodeId) -> Result<Option<Standing>, Fault> {
    let now = desk.system.clock().now();
    let codes = desk.store.read(|view| code::of_owner(view, owner))?;
    let found = codes.into_iter().find(|code| code.id == wanted);
    Ok(found.map(|code| Standing {
        code: code.id,
        purpose: code.purpose,
        progress: progress(&code, now, &desk.limits),
        expires_at: code.expires_at,
        resend_at: resend_at(&code, &desk.limits),
    }))
}
