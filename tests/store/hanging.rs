//! A writer that hangs in a step, and a process that is paused.

use std::{
    io,
    path::Path,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use majordomo::{
    persistence::{
        KeyLoss, Options, Store, Write,
        fs::{File, Fs, Held},
        settings::WatchLimits,
        tables::outcome::{self, OutcomeKey},
        writer::{
            steps::{WriterStep, WriterSteps},
            watch::{StepWatcher, WriterFound},
        },
    },
    supervision::{OsEntropy, SystemClock},
    telemetry::health::HealthStatus,
    types::{CallContext, Clock, Fault, Timestamp, Work, clock::stamp, limits},
};

use crate::{
    test_store::TestStore,
    tools::{Hand, ready},
};

/// The operation that hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HangPoint {
    JournalSync,
    CheckpointWrite,
    CheckpointRename,
}

/// Holds a thread at one operation until it is opened.
#[derive(Default)]
struct HangPlace {
    held: Mutex<Option<HangPoint>>,
    released: Condvar,
}

impl HangPlace {
    fn hold(&self, point: HangPoint) {
        *self.held.lock().unwrap() = Some(point);
    }

    fn release(&self) {
        *self.held.lock().unwrap() = None;
        self.released.notify_all();
    }

    fn pass(&self, point: HangPoint) {
        drop(self.released.wait_while(self.held.lock().unwrap(), |held| *held == Some(point)).unwrap());
    }
}

/// Another disk, whose operations pass the place.
struct HangingFs {
    disk: Arc<dyn Fs>,
    place: Arc<HangPlace>,
}

#[derive(Debug)]
enum HangingKind {
    Segment,
    Checkpoint,
    Other,
}

struct HangingFile {
    file: Box<dyn File>,
    kind: HangingKind,
    place: Arc<HangPlace>,
}

impl std::fmt::Debug for HangingFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.kind.fmt(f)
    }
}

impl HangingFs {
    fn wrap(&self, path: &Path, file: Box<dyn File>) -> Box<dyn File> {
        let name = path.file_name().unwrap().to_string_lossy();
        let kind = match &*name {
            name if name.ends_with(".log") || name.contains("log") => HangingKind::Segment,
            name if name.starts_with("checkpoint") => HangingKind::Checkpoint,
            _ => HangingKind::Other,
        };
        Box::new(HangingFile { file, kind, place: Arc::clone(&self.place) })
    }
}

impl File for HangingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if matches!(self.kind, HangingKind::Checkpoint) {
            self.place.pass(HangPoint::CheckpointWrite);
        }
        self.file.write_at(bytes, offset)
    }
    fn allocate(&mut self, length: u64) -> io::Result<()> {
        self.file.allocate(length)
    }
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
    fn sync(&mut self) -> io::Result<()> {
        if matches!(self.kind, HangingKind::Segment) {
            self.place.pass(HangPoint::JournalSync);
        }
        self.file.sync()
    }
    fn taken_bytes(&self) -> io::Result<u64> {
        self.file.taken_bytes()
    }
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }
}

impl Fs for HangingFs {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.wrap(path, self.disk.open(path)?))
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.wrap(path, self.disk.create(path)?))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if to.ends_with("checkpoint") {
            self.place.pass(HangPoint::CheckpointRename);
        }
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.disk.list(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }
    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.disk.free_bytes(path)
    }
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        self.disk.try_lock(path)
    }
    fn try_lock_dir(&self, path: &Path) -> io::Result<Option<Box<dyn Held>>> {
        self.disk.try_lock_dir(path)
    }
    fn device(&self, path: &Path) -> io::Result<u64> {
        self.disk.device(path)
    }
}

const WATCH: WatchLimits =
    WatchLimits { stuck: Duration::from_millis(300), lost: Duration::from_millis(1_500), kill_after: None };

/// A store with a writer's thread and a watcher, over a disk that can hang.
fn opened(test_store: &TestStore, place: &Arc<HangPlace>) -> (Store, Arc<dyn Clock>) {
    let mut options: Options = test_store.options(KeyLoss::Refuse);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    options.settings.tuning.watch = WATCH;
    options.settings.tuning.checkpoint_every = Duration::ZERO;
    options.environment.fs =
        Arc::new(HangingFs { disk: Arc::new(test_store.disk.sim.clone()), place: Arc::clone(place) });
    options.environment.clock = Arc::clone(&clock);
    (Store::open(options).unwrap().0, clock)
}

/// One write, which nothing waits for yet.
fn write(store: &Store, clock: &dyn Clock) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
    let work = Work::until(clock.instant() + limits::CALL_DEADLINE);
    let write = Write::new(work, stamp(clock, &OsEntropy), CallContext::service("test", "hang"));
    store.write(write, |tx| {
        let key = OutcomeKey { principal: "ada".to_owned(), key: "one".to_owned() };
        outcome::remember(tx, &key, [1; 32], Vec::new())
    })
}

/// Waits for `answer` in a thread.
fn in_thread<T: Send + 'static>(answer: impl Future<Output = T> + Send + 'static) -> std::thread::JoinHandle<T> {
    std::thread::Builder::new().spawn(move || futures::executor::block_on(answer)).unwrap()
}

/// Waits until `found` is something, at most ten seconds.
async fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..2_000 {
        if let Some(found) = found() {
            return found;
        }
        ticks.tick().await;
    }
    panic!("waited in vain for {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_hangs_makes_health_down_with_the_step_and_then_ends_the_store() {
    for (point, step) in [
        (HangPoint::JournalSync, "sync"),
        (HangPoint::CheckpointWrite, "checkpoint"),
        (HangPoint::CheckpointRename, "checkpoint"),
    ] {
        let (test_store, place) = (TestStore::simulated(), Arc::new(HangPlace::default()));
        let (store, clock) = opened(&test_store, &place);
        assert_eq!(write(&store, &*clock).await, Ok(()));
        place.hold(point);
        let pending = in_thread(write(&store, &*clock));
        let reason = format!("writer_stuck: {step}");
        let report = eventually(&reason, || {
            let report = store.report();
            report.reasons.contains(&reason).then_some(report)
        })
        .await;
        assert_eq!((report.status, report.engine), (HealthStatus::Down, "mem"), "{point:?}");
        let lost = eventually("the loss", || store.lost().borrow().clone()).await;
        assert!(lost.contains(&format!("({step})")), "{point:?}: {lost}");
        place.release();
        pending.join().unwrap().ok();
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_and_health_answer_while_an_apply_hangs() {
    let (test_store, place) = (TestStore::simulated(), Arc::new(HangPlace::default()));
    let (store, clock) = opened(&test_store, &place);
    place.hold(HangPoint::CheckpointRename);
    // A reader that holds the tree keeps the writer from applying.
    let (reading, held) = (store.clone(), Arc::clone(&place));
    let reader = std::thread::Builder::new()
        .spawn(move || {
            ready(reading.read(move |_| {
                held.pass(HangPoint::CheckpointRename);
                Ok(())
            }))
        })
        .unwrap();
    eventually("the reader", || (store.report().readers == 1).then_some(())).await;
    let pending = in_thread(write(&store, &*clock));
    let report = eventually("the hang", || {
        let report = store.report();
        report.reasons.iter().any(|reason| reason == "writer_stuck: apply").then_some(report)
    })
    .await;
    assert_eq!((report.status, report.engine), (HealthStatus::Down, "mem"));
    assert_eq!(ready(store.read(|_| Ok(()))), Err(Fault::Unavailable));
    eventually("the loss", || store.lost().borrow().clone()).await;
    place.release();
    assert_eq!(reader.join().unwrap(), Ok(()));
    pending.join().unwrap().ok();
    store.close().await;
}

/// A clock whose machine can be suspended.
struct Suspended {
    hand: Arc<Hand>,
    for_so_long: Mutex<Duration>,
}

impl Clock for Suspended {
    fn now(&self) -> Timestamp {
        self.hand.now()
    }
    fn instant(&self) -> Instant {
        self.hand.instant()
    }
    fn suspended(&self) -> Duration {
        *self.for_so_long.lock().unwrap()
    }
}

#[test]
fn a_paused_process_is_no_hang_and_the_step_counts_from_its_end() {
    let hand = Hand::new();
    let machine = Arc::new(Suspended { hand: Arc::clone(&hand), for_so_long: Mutex::default() });
    let clock: Arc<dyn Clock> = machine.clone();
    let limits = WatchLimits { stuck: Duration::from_secs(5), lost: Duration::from_secs(30), kill_after: None };
    let steps = WriterSteps::new(Arc::clone(&clock), limits);
    let mut watcher = StepWatcher::new(&steps, &clock);
    steps.enter(WriterStep::Sync);
    let mut looks = |seconds: u64| {
        for _ in 0..seconds {
            hand.advance(Duration::from_secs(1));
            match watcher.look() {
                WriterFound::Working => {}
                found @ (WriterFound::Paused | WriterFound::Lost(_)) => return found,
            }
        }
        WriterFound::Working
    };
    assert_eq!(looks(29), WriterFound::Working);
    assert_eq!(steps.stuck().map(|busy| busy.step), Some(WriterStep::Sync));
    hand.advance(Duration::from_secs(60));
    assert_eq!(looks(1), WriterFound::Paused, "the process was stopped for a minute");
    assert_eq!(steps.stuck(), None);
    assert_eq!(looks(20), WriterFound::Working);
    *machine.for_so_long.lock().unwrap() = Duration::from_secs(3_600);
    assert_eq!(looks(1), WriterFound::Paused, "the machine was suspended for an hour");
    assert_eq!(looks(29), WriterFound::Working);
    assert!(matches!(looks(1), WriterFound::Lost(busy) if busy.step == WriterStep::Sync));
    steps.enter(WriterStep::Idle);
    assert_eq!((steps.busy(), looks(100)), (None, WriterFound::Working));
}
