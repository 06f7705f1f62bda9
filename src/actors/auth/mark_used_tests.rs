use std::time::Duration;

use super::*;
use crate::{
    domain::auth::RefreshState,
    supervision::{ManualClock, SeededEntropy, Spec, Supervisor, Tree},
    types::{Clock, Timestamp},
};

const START: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);
const TENTH: Duration = Duration::from_millis(100);

/// A store with sessions whose generation 0 is unused, and the worker.
struct Marking {
    clock: Arc<ManualClock>,
    store: Store,
    first_uses: Arc<FirstUses>,
    sessions: Vec<SessionId>,
    tree: Tree,
}

impl Marking {
    async fn of(count: usize) -> Self {
        let clock = Arc::new(ManualClock::starting_at(START));
        let entropy = Arc::new(SeededEntropy::new(7));
        let store = Store::in_memory(clock.clone(), &*entropy);
        let system = System::new(clock.clone(), entropy);
        let work = Work::until(clock.instant() + limits::CALL_DEADLINE);
        let write = Write::new(work, system.stamp(), CallContext::service("test", "sessions"));
        let sessions = store.write(write, move |tx| (0..count).map(|_| a_session(tx)).collect()).await.unwrap();
        let first_uses = Arc::new(FirstUses::default());
        let mut root = Supervisor::root(&system);
        let (shared, at) = (Arc::clone(&first_uses), store.clone());
        let worker = move || MarkUsed { first_uses: Arc::clone(&shared), store: at.clone(), system: system.clone() };
        root.worker_nudged_by(&first_uses.began, Spec::park("mark_used"), worker);
        let tree = root.start().await.unwrap();
        Self { clock, store, first_uses, sessions, tree }
    }

    async fn marked(&self) -> usize {
        let mut marked = 0;
        for id in self.sessions.iter().copied() {
            let found = self.store.read(move |view| session::find(view, id)).await.unwrap().unwrap();
            marked += usize::from(found.refresh.used_at.is_some());
        }
        marked
    }

    fn commits(&self) -> u64 {
        self.store.report().writer.commits
    }
}

fn a_session(tx: &mut Tx<'_>) -> Result<SessionId, TxFault> {
    let now = tx.now();
    let begun = Session {
        id: tx.id(),
        user: tx.id(),
        seed: [7; 32],
        refresh: RefreshState::begin(now),
        device_name: None,
        user_agent: None,
        ip_address: None,
        auth_time: now,
        amr: vec!["pwd".to_owned()],
        created_at: now,
        last_used_at: now,
        idle_until: now.plus(Duration::from_hours(24)),
        ends_at: now.plus(Duration::from_hours(48)),
    };
    session::insert(tx, &begun)?;
    Ok(begun.id)
}

#[tokio::test(start_paused = true)]
async fn first_uses_of_two_hundred_sessions_within_a_second_are_one_commit() {
    let marking = Marking::of(200).await;
    let before = marking.commits();
    for some in marking.sessions.chunks(40) {
        for id in some {
            marking.first_uses.note(*id, 0);
            marking.first_uses.note(*id, 0);
        }
        tokio::time::sleep(TENTH).await;
    }
    assert_eq!((marking.marked().await, marking.commits() - before), (0, 0));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((marking.marked().await, marking.commits() - before), (200, 1));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(marking.commits() - before, 1, "nothing is left to write");
    marking.tree.stop(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_use_is_written_within_about_a_second_after_a_long_idle_time() {
    let marking = Marking::of(1).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    let seen_at = marking.clock.now();
    marking.first_uses.note(marking.sessions[0], 0);
    while marking.marked().await == 0 {
        tokio::time::sleep(TENTH).await;
    }
    let waited = marking.clock.now().since(seen_at);
    assert!(waited <= Duration::from_secs(1) + TENTH * 2, "{waited:?}");
    marking.tree.stop(Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_writes_the_waiting_first_uses() {
    let marking = Marking::of(1).await;
    marking.first_uses.note(marking.sessions[0], 0);
    tokio::time::sleep(TENTH).await;
    let began = marking.clock.now();
    let (store, id) = (marking.store.clone(), marking.sessions[0]);
    marking.tree.stop(Duration::from_secs(10)).await;
    let found = store.read(move |view| session::find(view, id)).await.unwrap().unwrap();
    assert!(found.refresh.used_at.is_some_and(|at| at.since(began) < TENTH), "{:?}", found.refresh);
}

#[test]
fn no_more_first_uses_wait_than_the_bound_allows() {
    let first_uses = FirstUses::default();
    for number in 0..limits::FIRST_USES_MAX + 5 {
        first_uses.note(uuid::Uuid::from_u128(number as u128).into(), 0);
    }
    assert_eq!(first_uses.seen().len(), limits::FIRST_USES_MAX);
}
