//! The walk along the chain of the audit trail.

use tokio::sync::oneshot;

use crate::{
    persistence::{
        Store,
        audit::{self, AuditHead, Walk},
    },
    supervision::System,
    types::{Fault, limits},
};

/// What a walk found.
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
pub(super) async fn on_a_thread(store: &Store, system: &System, after: u64) -> Result<Option<Verified>, Fault> {
    let (mut reply, answer) = oneshot::channel();
    let (store, system) = (store.clone(), system.clone());
    let walk = move || {
        let found = walk(&store, &system, after, &mut reply);
        // The caller may have left.
        let _ = reply.send(found);
    };
    std::thread::Builder::new()
        .name("audit_walk".to_owned())
        .spawn(walk)
        .map_err(|error| Fault::bug(format!("no thread could be started: {error}")))?;
    answer.await.map_err(|_| Fault::bug("the walk along the audit trail panicked"))?
}

type Reply = oneshot::Sender<Result<Option<Verified>, Fault>>;

fn walk(store: &Store, system: &System, after: u64, reply: &mut Reply) -> Result<Option<Verified>, Fault> {
    let until = system.clock().instant() + limits::AUDIT_WALK;
    let there_should_be = store.report().audit.entries;
    let Some(mut head) = store.read(|view| audit::at(view, after))? else { return Ok(None) };
    let ended = |head: AuditHead, wholeness| Some(Verified { verified: head.number - after, head, wholeness });
    loop {
        match store.read(|view| audit::verify(view, head))? {
            Walk::Whole(end) if end.number < there_should_be => return Ok(ended(end, broken(end.number + 1))),
            Walk::Whole(end) => return Ok(ended(end, Wholeness::Whole)),
            Walk::Broken { number, last } => return Ok(ended(last, broken(number))),
            Walk::Further(further) => head = further,
        }
        if reply.is_closed() || system.clock().instant() >= until {
            return Ok(ended(head, Wholeness::Unfinished));
        }
    }
}

fn broken(number: u64) -> Wholeness {
    tracing::error!(number, "the audit trail is broken");
    Wholeness::Broken(number)
}
