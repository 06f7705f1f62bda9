//! The pool's threads as children of the tree, each with its own restarts.

use std::pin::pin;

use super::HasherPool;
use crate::{
    supervision::{Spec, Supervisor, TaskCx},
    types::Fault,
};

impl HasherPool {
    /// Adds `count` threads to the tree, each a child of `supervisor` that escapes past its restarts, because without
    /// threads no user can sign in. Jobs wait in the pool, so a restart loses only the running job.
    pub fn supervise(&self, supervisor: &mut Supervisor, count: usize) {
        for number in 0..count {
            let pool = self.clone();
            supervisor.task(Spec::escape(format!("hasher-{number}")).kind("hasher"), move |cx| run(pool.clone(), cx));
        }
    }
}

async fn run(pool: HasherPool, cx: TaskCx) -> Result<(), Fault> {
    let running = pool.clone();
    let mut thread = pin!(cx.thread(move |cx| {
        cx.ready();
        running.run_until(|| cx.stopping().is_cancelled());
        Ok(())
    }));
    tokio::select! {
        ended = &mut thread => return ended,
        () = cx.stopping().cancelled() => pool.wake_all(),
    }
    thread.await
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        actors::hasher::{HasherBounds, Priority},
        crypto::password::{PasswordCheck, PasswordCost, PasswordHasher},
        supervision::{ManualClock, SeededEntropy, System},
        types::{Network, Secret, Timestamp},
    };

    #[tokio::test]
    async fn supervised_threads_hash_and_end_when_the_tree_stops() {
        const CHEAP: PasswordCost = PasswordCost { memory_kib: 64, passes: 1, lanes: 1 };
        let pool = HasherPool::new(PasswordHasher::new(CHEAP, vec![]).unwrap(), HasherBounds::default());
        let clock = Arc::new(ManualClock::starting_at(Timestamp::ZERO));
        let system = System::new(clock, Arc::new(SeededEntropy::new(1)));
        let mut root = Supervisor::root(&system);
        pool.supervise(&mut root, 2);
        let tree = root.start().await.unwrap();
        for _ in 0..4 {
            let place = pool.reserve(Network::V4([10, 0, 0]), Priority::Login).unwrap();
            assert_eq!(place.verify_unknown(Secret::new("x"), CHEAP).await, Ok(PasswordCheck::Wrong));
        }
        tree.stop(Duration::from_secs(5)).await;
        assert_eq!(pool.report().verified_unknown, 4);
        let place = pool.reserve(Network::V4([10, 0, 0]), Priority::Login).unwrap();
        let unanswered =
            tokio::time::timeout(Duration::from_millis(50), place.verify_unknown(Secret::new("x"), CHEAP)).await;
        assert!(unanswered.is_err(), "no thread is left to answer");
    }
}
