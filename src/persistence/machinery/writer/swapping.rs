//! The writer's part of a swap: between two groups it takes a rebuilt tree over.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
};

use super::{heads::LogHeads, step::StoreWriter};
use crate::persistence::machinery::{commit_target::CommitTarget, rebuild::GrowingTree, shared::Shared, view::View};

impl StoreWriter {
    /// Takes over the rebuilt tree that was offered, if there is one.
    pub(super) fn swap_if_offered(&mut self) {
        let Some(CommitTarget::Directory(base)) = self.target.as_mut() else { return };
        if self.shared.is_lost() {
            return base.handover().end();
        }
        let Some(mut tree) = base.offered_tree() else { return };
        self.shared.set_busy(Some(self.shared.clock.instant()));
        let finish = || base.finish_tree(&mut tree).map_err(|error| error.to_string());
        // A panic of the new tree's engine does not concern the present one.
        let finished = catch_unwind(AssertUnwindSafe(finish)).unwrap_or_else(|_| Err("its engine panicked".to_owned()));
        match finished.and_then(|()| heads_of(&self.shared, &self.heads, &tree)) {
            Ok(heads) => match base.install(&tree) {
                Ok(old) => {
                    *self.shared.tree.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&tree.engine));
                    base.handover().installed(old);
                    self.heads = heads;
                    self.shared.publish(self.heads.all());
                }
                Err(error) if error.is_fatal() => {
                    base.handover().refused(tree, error.to_string());
                    self.shared.lose(format!("replacing the tree: {error}"));
                }
                Err(error) => {
                    tracing::warn!(%error, "the tree was not replaced yet; it is tried again");
                    base.handover().put_back(tree);
                }
            },
            Err(reason) => base.handover().refused(tree, reason),
        }
        self.shared.set_busy(None);
    }
}

/// The heads of the logs in the new tree. They have to be the writer's, unless the present tree failed: then the
/// writer's may lack the commits of the last group.
fn heads_of(shared: &Shared, known: &LogHeads, tree: &GrowingTree) -> Result<LogHeads, String> {
    let (ring, engine) = (shared.ring(), tree.engine.view().map_err(|error| error.to_string())?);
    let found = LogHeads::read(&View { engine, ring: &ring }, shared.catalog).map_err(|fault| fault.to_string())?;
    let has_tree = shared.tree.read().unwrap_or_else(PoisonError::into_inner).is_some();
    if has_tree && found != *known {
        return Err("its event log or audit log ends elsewhere than that of the present tree".to_owned());
    }
    Ok(found)
}
