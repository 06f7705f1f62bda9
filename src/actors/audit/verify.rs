//! Verifies both chains of the audit log.

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

/// The start of a verification: behind the entry of this number in each log; 0: with the first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditAfter {
    pub changes: u64,
    pub sign_ins: u64,
}

/// The results of a verification, by log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTrail {
    pub changes: Verified,
    pub sign_ins: Verified,
}

/// The result of a verification in one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The number of entries whose hash matches.
    pub verified: u64,
    /// The number and hash of the last of them.
    pub head: AuditHead,
    pub wholeness: Wholeness,
}

/// The end of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wholeness {
    /// The hash of every entry matches.
    Whole,
    /// The time limit was reached before the head; every hash up to there matches.
    Unfinished,
    /// The entry of this number, or one before it, was changed, removed or inserted.
    Broken(u64),
}

/// Verifies on a thread of its own, because the hashing of a long chain would block a worker of the runtime.
pub(super) async fn on_a_thread(
    store: &Store,
    system: &System,
    after: AuditAfter,
) -> Result<Option<VerifiedTrail>, Fault> {
    let (mut reply, answer) = oneshot::channel();
    let (store, system) = (store.clone(), system.clone());
    let runtime = Handle::current();
    let walk = move || {
        // The thread serves only this verification, so it may block.
        let found = runtime.block_on(walk(&store, &system, after, &mut reply));
        // The caller may have stopped waiting.
        let _ = reply.send(found);
    };
    std::thread::Builder::new()
        .name("audit_walk".to_owned())
        .spawn(walk)
        .map_err(|error| Fault::bug(format!("no thread could be started: {error}")))?;
    answer.await.map_err(|_| Fault::bug("the verification of the audit log panicked"))?
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
    let expected = store.log_head(audit::log(log)).number;
    let Some(mut head) = store.read(move |view| audit::at(view, log, after)).await? else { return Ok(None) };
    let ended = |head: AuditHead, wholeness| Some(Verified { verified: head.number - after, head, wholeness });
    loop {
        match store.read(move |view| audit::verify(view, log, head)).await? {
            Walk::Whole(end) if end.number < expected => return Ok(ended(end, broken(log, end.number + 1))),
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
    tracing::error!(log = log.as_str(), number, "the audit chain is broken");
    Wholeness::Broken(number)
}
