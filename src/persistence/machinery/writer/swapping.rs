//! The writer's part of a swap: between two groups it takes a rebuilt tree over.

use std::sync::{Arc, PoisonError};

use super::{heads::LogHeads, step::StoreWriter, steps::WriterStep};
use crate::persistence::machinery::{
    base::Base, commit_target::CommitTarget, engine::verified::VerifiedView, rebuild::GrowingTree, shared::Shared,
    view::View,
};

impl StoreWriter {
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
