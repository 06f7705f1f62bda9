//! The writer's part of a swap: between two groups it takes a rebuilt tree over.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{heads::LogHeads, step::StoreWriter, steps::WriterStep};
use crate::persistence::machinery::{
    base::{Base, BaseError},
    commit_target::CommitTarget,
    engine::verified::VerifiedView,
    rebuild::GrowingTree,
    shared::Shared,
    swap::{SwapError, SwapReason},
    upkeep::Upkeep,
    view::View,
};

/// The interval at which a swap is tried that waits for another one.
const SWAP_LOOK_EVERY: Duration = Duration::from_millis(50);

impl StoreWriter {
    /// If a durable group could not be applied because the disk is full, also without the ballast: has the tree rebuilt
    /// in the background. Meanwhile reads and writes are `Unavailable`; the store is lost only if that fails. Returns
    /// whether it began.
    pub(super) fn replace_full_tree(&mut self, error: &BaseError) -> bool {
        let BaseError::Engine(engine) = error else { return false };
        let Some(CommitTarget::Directory(base)) = &self.target else { return false };
        let has_tree = self.shared.tree.read().unwrap_or_else(PoisonError::into_inner).is_some();
        // A checkpoint that failed left the tree to its readers, and the store is lost.
        if !engine.is_full() || !base.upkeep().keeps_tree() || has_tree {
            return false;
        }
        tracing::error!(%error, "the disk is full; the tree is rebuilt, and until then nothing is read or committed");
        let (upkeep, shared) = (base.upkeep().clone(), Arc::clone(&self.shared));
        let begun = std::thread::Builder::new().name("store-swap".to_owned()).spawn(move || rebuild(&upkeep, &shared));
        self.is_replacing = begun.is_ok();
        self.is_replacing
    }

    /// Takes over the rebuilt tree that was offered, if there is one.
    pub(super) fn swap_if_offered(&mut self) {
        let Some(CommitTarget::Directory(base)) = self.target.as_mut() else { return };
        if self.shared.is_lost() {
            return base.handover().end();
        }
        let Some(mut tree) = base.offered_tree() else { return };
        self.shared.steps.enter(WriterStep::Swap);
        match finish(&self.shared, base, &self.heads, &mut tree) {
            Ok(heads) => match base.install(&tree) {
                Ok(old) => {
                    *self.shared.tree.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&tree.engine));
                    base.handover().installed(old);
                    base.note_heads(self.shared.catalog.logs, heads.all());
                    self.heads = heads;
                    self.shared.publish(self.heads.all());
                    self.is_replacing = false;
                }
                Err(error) if error.is_fatal() => {
                    base.handover().refused(tree, error.to_string());
                    self.shared.lose_by("replacing the tree", &error);
                }
                Err(error) => {
                    tracing::warn!(%error, "the tree was not replaced yet; it is tried again");
                    base.handover().put_back(tree);
                }
            },
            Err(reason) => base.handover().refused(tree, reason),
        }
        self.shared.steps.enter(WriterStep::Idle);
    }
}

/// Replaces the tree that met a full disk. If a compaction is running, its tree does as well.
#[expect(clippy::disallowed_methods, reason = "runs on a thread of its own, and no event reports the end of a swap")]
fn rebuild(upkeep: &Upkeep, shared: &Shared) {
    let has_tree = || shared.tree.read().unwrap_or_else(PoisonError::into_inner).is_some();
    while !has_tree() && !shared.is_lost() {
        match upkeep.swap_tree(SwapReason::DiskFull, &|| shared.is_lost()) {
            Ok(_) => return,
            Err(SwapError::Running) => std::thread::sleep(SWAP_LOOK_EVERY),
            Err(error) => return shared.lose(format!("the disk is full, and the tree was not rebuilt: {error}")),
        }
    }
}

/// Brings the new tree to the last commit, and returns the heads of its logs. They have to be the writer's, unless the
/// present tree failed: then the writer's may lack the commits of the last group.
fn finish(shared: &Shared, base: &Base, known: &LogHeads, tree: &mut GrowingTree) -> Result<LogHeads, String> {
    base.finish_tree(tree).map_err(|error| error.to_string())?;
    let (ring, stored) = (shared.ring(), tree.engine.view().map_err(|error| error.to_string())?);
    let view = View { engine: VerifiedView::over(stored), ring: &ring };
    let found = LogHeads::read(&view, shared.catalog).map_err(|fault| fault.to_string())?;
    let has_tree = shared.tree.read().unwrap_or_else(PoisonError::into_inner).is_some();
    if has_tree && found != *known {
        return Err("its event log or audit log ends elsewhere than that of the present tree".to_owned());
    }
    Ok(found)
}
