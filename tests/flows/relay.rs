//! The guarantees of the event log: an effect in the store happens exactly once, in the order of each subject, after
//! any failure.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use futures::future::BoxFuture;
use majordomo::{
    actors::relay::{AlreadySettled, HandOver, NotTaken, OperatorRefusal, Relays, Subscriber},
    domain::{
        event::{DeadReason, EventType, Personal},
        user::events::{UserDeleted, UserVerified},
    },
    persistence::{Reader, Record, Table, tables::subscription},
    supervision::{Spec, Supervisor, Tree},
    types::{CallContext, Failure, PageLimit, id::UserId, limits},
};
use serde::{Deserialize, Serialize};

use crate::flows::test_store::{SECOND, TestStore, append_newer_event, until, user};
use crate::test_app::ready;

/// The number of effects of each event, by sequence.
static EFFECTS: Table<u64, Effects> = Table::new(0xf0, "effects_by_sequence", "for the test");

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Effects(u32);

impl Record for Effects {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "effects";
}

/// The subscriber's behaviour at its `attempt`th hand-over of an event.
type Conduct = dyn Fn(u64, u32) -> Deed + Send + Sync;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// Commits the effect and returns `Ok`.
    Take,
    /// Commits the effect and then fails, like a process that ends in between.
    TakeAndFail,
    Later,
    Never,
    Panic,
}

struct Listener {
    test_store: Arc<TestStore>,
    conduct: Box<Conduct>,
    /// Subject and sequence of each effect, in the order of the commits.
    taken: Mutex<Vec<(UserId, u64)>>,
}

impl Subscriber for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }

    fn types(&self) -> Vec<EventType> {
        vec![UserVerified::TYPE]
    }

    fn receive(&self, hand_over: HandOver) -> BoxFuture<'_, Result<(), NotTaken>> {
        Box::pin(async move {
            let (sequence, subject) = (hand_over.event.sequence, hand_over.event.subject);
            let deed = (self.conduct)(sequence, hand_over.attempt);
            match deed {
                Deed::Later => return Err(NotTaken::Later("not now".into())),
                Deed::Never => return Err(NotTaken::Never("not this".into())),
                Deed::Panic => panic!("by order of the test"),
                Deed::Take | Deed::TakeAndFail => {}
            }
            let write = hand_over.write();
            let settled = self.test_store.store.decide(write, move |tx| {
                hand_over.settle(tx)?;
                let before = tx.get(&EFFECTS, &sequence)?.map_or(0, |effects| effects.0);
                Ok(tx.put(&EFFECTS, &sequence, &Effects(before + 1))?)
            });
            match settled.await {
                Ok(()) => self.taken.lock().unwrap().push((subject, sequence)),
                Err(Failure::Refused(AlreadySettled)) => {}
                Err(Failure::Fault(fault)) => return Err(fault.into()),
            }
            if deed == Deed::TakeAndFail { Err(NotTaken::Later("lost the answer".into())) } else { Ok(()) }
        })
    }
}

struct TestRelays {
    test_store: Arc<TestStore>,
    listener: Arc<Listener>,
    relays: Relays,
    tree: Tree,
}

impl TestRelays {
    async fn open(test_store: &Arc<TestStore>, conduct: impl Fn(u64, u32) -> Deed + Send + Sync + 'static) -> Self {
        let test_store = Arc::clone(test_store);
        let listener = Arc::new(Listener {
            test_store: Arc::clone(&test_store),
            conduct: Box::new(conduct),
            taken: Mutex::default(),
        });
        let subscriber: Arc<dyn Subscriber> = listener.clone();
        let mut root = Supervisor::root(&test_store.system);
        let at = (&test_store.store, &test_store.system);
        let relays = Relays::supervised(&mut root, |_| Spec::park("relay"), [subscriber], at);
        let tree = root.start().await.unwrap();
        Self { test_store, listener, relays, tree }
    }

    async fn say(&self, subject: u128) {
        say(&self.test_store, subject).await;
    }

    fn taken(&self) -> Vec<u64> {
        self.listener.taken.lock().unwrap().iter().map(|(_, sequence)| *sequence).collect()
    }

    async fn until_passed(&self, sequence: u64) {
        until("the watermark has passed", || ready(self.relays.report()).unwrap()[0].watermark >= sequence).await;
    }

    fn effects(&self, sequence: u64) -> u32 {
        let read = self.test_store.store.read(move |view| view.get(&EFFECTS, &sequence));
        ready(read).unwrap().map_or(0, |effects| effects.0)
    }

    fn dead(&self) -> Vec<(u64, DeadReason, u32)> {
        let page = ready(self.relays.dead_letters("listener", None, PageLimit::default())).unwrap();
        page.rows.into_iter().map(|(sequence, letter)| (sequence, letter.reason, letter.attempts)).collect()
    }
}

async fn say(test_store: &TestStore, subject: u128) {
    test_store.emit(UserVerified { user: user(subject) }.into(), user(subject), Personal::default()).await;
}

fn operator() -> CallContext {
    CallContext::service("test", "request-2")
}

#[tokio::test(start_paused = true)]
async fn every_event_has_its_effect_once_and_in_the_order_of_its_subject_after_any_failure() {
    let test_store = Arc::new(TestStore::new());
    let test_relays = TestRelays::open(&test_store, |sequence, attempt| match (sequence % 7, attempt) {
        (1, 1) => Deed::Later,
        (3, 1..=2) => Deed::Panic,
        (5, 1) => Deed::TakeAndFail,
        _ => Deed::Take,
    })
    .await;
    for number in 0..200 {
        test_relays.say(number % 9).await;
        if number % 50 == 25 {
            test_store.system.stats().restart("relay").unwrap();
        }
    }
    until("all are taken", || test_relays.taken().len() == 200).await;
    test_relays.until_passed(200).await;
    assert!((1..=200).all(|sequence| test_relays.effects(sequence) == 1));
    let mut last: BTreeMap<UserId, u64> = BTreeMap::new();
    for (subject, sequence) in test_relays.listener.taken.lock().unwrap().iter() {
        let before = last.insert(*subject, *sequence).unwrap_or(0);
        assert!(before < *sequence, "{sequence} came after {before}");
    }
    assert_eq!(test_relays.dead(), []);
    let report = &test_relays.relays.report().await.unwrap()[0];
    assert_eq!((report.lag, report.delayed, report.dead_letters), (0, 0, 0));
    test_relays.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_process_continues_where_the_old_one_stopped() {
    let test_store = Arc::new(TestStore::new());
    let test_relays = TestRelays::open(&test_store, |_, _| Deed::Take).await;
    for number in 0..5 {
        test_relays.say(number).await;
    }
    until("five are taken", || test_relays.taken().len() == 5).await;
    test_relays.tree.stop(10 * SECOND).await;
    say(&test_store, 1).await;
    let test_relays = TestRelays::open(&test_store, |_, _| Deed::Take).await;
    test_relays.until_passed(6).await;
    assert_eq!(test_relays.taken(), [6]);
    test_relays.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn later_events_of_a_subject_wait_behind_a_delayed_one_and_those_of_others_do_not() {
    let test_store = Arc::new(TestStore::new());
    let test_relays =
        TestRelays::open(
            &test_store,
            |sequence, attempt| if sequence == 1 && attempt < 4 { Deed::Later } else { Deed::Take },
        )
        .await;
    for subject in [1, 1, 2, 1] {
        test_relays.say(subject).await;
    }
    until("the other subject's is taken", || test_relays.taken() == [3]).await;
    test_relays.until_passed(4).await;
    assert_eq!(test_relays.relays.report().await.unwrap()[0].delayed, 3, "the watermark passes over delayed events");
    let began = test_store.system.clock().now();
    until("all are taken", || test_relays.taken().len() == 4).await;
    assert_eq!(test_relays.taken(), [3, 1, 2, 4]);
    let waited = test_store.system.clock().now().since(began);
    assert!((5 * SECOND..9 * SECOND).contains(&waited), "1 + 2 + 4 seconds, less a fifth: {waited:?}");
    test_relays.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn after_ten_hand_overs_an_event_is_a_dead_letter_until_it_is_requeued() {
    let test_store = Arc::new(TestStore::new());
    let is_well = Arc::new(Mutex::new(false));
    let well = Arc::clone(&is_well);
    let test_relays = TestRelays::open(&test_store, move |sequence, _| match sequence {
        1 if !*well.lock().unwrap() => Deed::Later,
        _ => Deed::Take,
    })
    .await;
    test_relays.say(1).await;
    test_relays.say(1).await;
    let mut minutes = tokio::time::interval(60 * SECOND);
    while test_relays.dead().is_empty() {
        minutes.tick().await;
    }
    until("what stood behind it went on", || test_relays.taken() == [2]).await;
    assert_eq!(test_relays.dead(), [(1, DeadReason::Exhausted, 10)]);
    assert_eq!(
        test_relays.relays.requeue(operator(), "listener", 9).await,
        Err(Failure::Refused(OperatorRefusal::UnknownDeadLetter))
    );
    assert_eq!(
        test_relays.relays.requeue(operator(), "unknown", 1).await,
        Err(Failure::Refused(OperatorRefusal::UnknownSubscriber))
    );
    *is_well.lock().unwrap() = true;
    assert_eq!(test_relays.relays.requeue_all(operator(), "listener").await, Ok(1));
    until("it is taken", || test_relays.taken() == [2, 1]).await;
    assert_eq!((test_relays.dead(), test_relays.effects(1)), (vec![], 1));
    test_relays.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn more_dead_letters_than_one_page_are_requeued_once_each_also_if_they_fail_again() {
    let number = 2 * limits::PAGE_MAX + 50;
    let test_store = Arc::new(TestStore::new());
    let is_well = Arc::new(Mutex::new(false));
    let well = Arc::clone(&is_well);
    let conduct = move |_, _| if *well.lock().unwrap() { Deed::Take } else { Deed::Never };
    let test_relays = TestRelays::open(&test_store, conduct).await;
    for subject in 0..number {
        test_relays.say(subject as u128).await;
    }
    let all_dead = || {
        let read = test_store.store.read(move |view| subscription::dead_letters(view, "listener", None, 2 * number));
        ready(read).unwrap().rows.len()
    };
    until("all are dead letters", || all_dead() == number).await;
    assert_eq!(test_relays.relays.requeue_all(operator(), "listener").await, Ok(number));
    until("they failed again", || all_dead() == number).await;
    *is_well.lock().unwrap() = true;
    assert_eq!(test_relays.relays.requeue_all(operator(), "listener").await, Ok(number));
    until("all are taken", || test_relays.taken().len() == number).await;
    assert_eq!((all_dead(), test_relays.effects(1)), (0, 1));
    test_relays.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_is_a_dead_letter_at_once_and_a_discarded_one_is_not_handed_over_again() {
    let test_store = Arc::new(TestStore::new());
    let test_relays =
        TestRelays::open(&test_store, |sequence, _| if sequence == 2 { Deed::Never } else { Deed::Take }).await;
    for subject in [1, 1, 1] {
        test_relays.say(subject).await;
    }
    until("the others are taken", || test_relays.taken() == [1, 3]).await;
    assert_eq!(test_relays.dead(), [(2, DeadReason::Refused, 1)]);
    assert_eq!(test_relays.relays.discard(operator(), "listener", 2, "a test").await, Ok(()));
    test_relays.until_passed(3).await;
    test_relays.tree.stop(10 * SECOND).await;
    let test_relays = TestRelays::open(&test_store, |_, _| Deed::Take).await;
    test_relays.say(1).await;
    test_relays.until_passed(4).await;
    assert_eq!(test_relays.taken(), [4]);
    assert_eq!(test_relays.dead(), []);
    test_relays.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_newer_version_moves_the_watermark_and_later_events_are_handed_over() {
    let test_store = Arc::new(TestStore::new());
    let test_relays = TestRelays::open(&test_store, |_, _| Deed::Take).await;
    test_store.write(append_newer_event).await;
    test_relays.say(1).await;
    test_relays.until_passed(2).await;
    assert_eq!(test_relays.taken(), [2]);
    assert_eq!(test_relays.dead(), []);
    test_relays.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn events_without_a_subscriber_only_move_the_watermark() {
    let test_store = Arc::new(TestStore::new());
    let test_relays = TestRelays::open(&test_store, |_, _| Deed::Take).await;
    for _ in 0..30 {
        test_store.emit(UserDeleted { user: user(1) }.into(), user(1), Personal::default()).await;
    }
    test_relays.until_passed(30).await;
    assert!(test_relays.taken().is_empty());
    test_relays.tree.stop(10 * SECOND).await;
}
