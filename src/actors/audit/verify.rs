//! The walk along both chains of the audit trail.

use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    domain::audit::AuditLog,
    persistence::{
        Store,
        audit::{self, AuditHead, Walk},
    },
    supervision::System,
    types::{Fault, limits},
};

/// Where a walk begins: behind the entry of this number in each log; 0: with the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditAfter {
    /// In the log of changes.
    pub changes: u64,
    /// In the log of sign-ins.
    pub sign_ins: u64,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTrail {
    /// In the log of changes.
    pub changes: Verified,
    /// In the log of sign-ins.
    pub sign_ins: Verified,
}

/// What a walk found in one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Entries that fit.
    pub verified: u64,
    /// The last of them: its number and hash.
    pub head: AuditHead,
    /// How the walk ended.
    pub wholeness: Wholeness,
}

/// How a walk along the trail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wholeness {
    /// Every entry fits the one before.
    Whole,
    /// Time was up before the end; all that was looked at fits.
    Unfinished,
    /// The entry of this number, or one before it, was changed, removed or added.
    Broken(u64),
}

/// Walks on a thread of its own, since hashing a long trail would hold up a worker of the runtime.
pub(super) async fn on_a_thread(
    store: &Store,
    system: &System,
    after: AuditAfter,
) -> Result<Option<VerifiedTrail>, Fault> {
    let (mut reply, answer) = oneshot::channel();
    let (store, system) = (store.clone(), system.clone());
    let runtime = Handle::current();
    let walk = move || {
        // A thread cannot await; it is the walk's own, so it may block.
        let found = runtime.block_on(walk(&store, &system, after, &mut reply));
        // The caller may have left.
        let _ = reply.send(found);
    };
    std::thread::Builder::new()
        .name("audit_walk".to_owned())
        .spawn(walk)
        .map_err(|error| Fault::bug(format!("no thread could be started: {error}")))?;
    answer.await.map_err(|_| Fault::bug("the walk along the audit trail panicked"))?
}

type Reply = oneshot::Sender<Result<Option<VerifiedTrail>, Fault>>;

async fn walk(
    store: &Store,
    system: &System,
    after: AuditAfter,
    reply: &mut Reply,
) -> Result<Option<VerifiedTrail>, Fault> {
    let until = system.clock().instant() + limits::AUDIT_WALK;
    let mut is_over = || reply.is_closed() || system.clock().instant() >= until;
    let Some(changes) = along(store, AuditLog::Changes, after.changes, &mut is_over).await? else { return Ok(None) };
    let Some(sign_ins) = along(store, AuditLog::SignIns, after.sign_ins, &mut is_over).await? else { return Ok(None) };
    Ok(Some(VerifiedTrail { changes, sign_ins }))
}

async fn along(
    store: &Store,
    log: AuditLog,
    after: u64,
    mut is_over: impl FnMut() -> bool,
) -> Result<Option<Verified>, Fault> {
    let there_should_be = store.log_head(audit::log(log)).number;
    let Some(mut head) = store.read(move |view| audit::at(view, log, after)).await? else { return Ok(None) };
    let ended = |head: AuditHead, wholeness| Some(Verified { verified: head.number - after, head, wholeness });
    loop {
        match store.read(move |view| audit::verify(view, log, head)).await? {
            Walk::Whole(end) if end.number < there_should_be => return Ok(ended(end, broken(log, end.number + 1))),
            Walk::Whole(end) => return Ok(ended(end, Wholeness::Whole)),
            Walk::Broken { number, last } => return Ok(ended(last, broken(log, number))),
            Walk::Further(further) => head = further,
        }
        if is_over() {
            return Ok(ended(head, Wholeness::Unfinished));
        }
    }
}

fn broken(log: AuditLog, number: u64) -> Wholeness {
    tracing::error!(log = log.as_str(), number, "the audit trail is broken");
    Wholeness::Broken(number)
}
