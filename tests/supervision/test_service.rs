//! A service whose messages state what it does, and functions that wait for states.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use majordomo::{
    supervision::{Addr, Cx, ManualClock, Message, Reply, SeededEntropy, Service, System},
    telemetry::actors::{ActorReport, ActorStatus},
    types::{Fault, Timestamp, Work},
};
use tokio::sync::Notify;

/// The messages of the service.
pub enum Ask {
    Echo(u32, Reply<u32>),
    /// Panics in the handler.
    Crash(Reply<u32>),
    /// Awaits the signal in the handler.
    Block(Arc<Notify>, Reply<u32>),
    /// Awaits the signal in a job, then answers.
    Job(Arc<Notify>, Reply<u32>),
    /// Panics in a job.
    JobCrash(Reply<u32>),
    /// Starts writing in a job, then panics.
    WriteCrash(Reply<u32>),
    /// Starts writing in a job, then awaits the signal.
    WriteSlowly(Arc<Notify>, Reply<u32>),
    Note(&'static str),
    Nudged,
    Timed,
    ArmTimer(Duration, Reply<u32>),
}

impl Message for Ask {
    fn kind(&self) -> &'static str {
        match self {
            Self::Echo(..) => "echo",
            Self::Crash(_) => "crash",
            Self::Block(..) => "block",
            Self::Job(..) => "job",
            Self::JobCrash(_) => "job_crash",
            Self::WriteCrash(_) => "write_crash",
            Self::WriteSlowly(..) => "write_slowly",
            Self::Note(_) => "note",
            Self::Nudged => "nudged",
            Self::Timed => "timed",
            Self::ArmTimer(..) => "arm_timer",
        }
    }
}

/// The observed events, in order.
#[derive(Clone, Default)]
pub struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|known| *known == line).count()
    }
}

/// The plan of the next starts and stops.
#[derive(Clone, Default)]
pub struct StartPlan {
    /// The number of starts that fail from now on.
    pub failing_starts: Arc<AtomicUsize>,
    /// A start awaits this signal, if there is one.
    pub start_gate: Arc<Mutex<Option<Arc<Notify>>>>,
    /// A stop awaits this signal, if there is one.
    pub stop_gate: Arc<Mutex<Option<Arc<Notify>>>>,
}

pub struct TestService {
    pub name: &'static str,
    pub diary: Diary,
    pub plan: StartPlan,
}

#[derive(Default)]
pub struct TestState {
    timer: Option<majordomo::supervision::Timer>,
}

impl Service for TestService {
    type Message = Ask;
    type State = TestState;
    const KIND: &'static str = "probe";

    async fn start(&self, _: &Cx<Ask>) -> Result<TestState, Fault> {
        let gate = self.plan.start_gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.notified().await;
        }
        let left = self.plan.failing_starts.load(Ordering::SeqCst);
        if left > 0 {
            self.plan.failing_starts.store(left - 1, Ordering::SeqCst);
            self.diary.write(format!("{} fails to start", self.name));
            return Err(Fault::StorageFull);
        }
        self.diary.write(format!("{} starts", self.name));
        Ok(TestState::default())
    }

    async fn handle(&self, cx: &Cx<Ask>, state: &mut TestState, message: Ask, work: Work) {
        match message {
            Ask::Echo(number, reply) => reply.send(number),
            Ask::Crash(reply) => {
                let _kept = reply;
                panic!("the handler fails");
            }
            Ask::Block(gate, reply) => {
                gate.notified().await;
                reply.send(1);
            }
            Ask::Job(gate, reply) => {
                let diary = self.diary.clone();
                cx.job(work, "wait", async move {
                    gate.notified().await;
                    diary.write("job done");
                    reply.send(2);
                });
            }
            Ask::JobCrash(reply) => cx.job(work, "burn", async move {
                let _kept = reply;
                panic!("the job fails");
            }),
            Ask::WriteCrash(reply) => cx.job(work.clone(), "write", async move {
                let _kept = reply;
                assert!(work.start_writing());
                panic!("the write fails");
            }),
            Ask::WriteSlowly(gate, reply) => cx.job(work.clone(), "write", async move {
                assert!(work.start_writing());
                gate.notified().await;
                reply.send(3);
            }),
            Ask::Note(line) => self.diary.write(line),
            Ask::Nudged => self.diary.write("nudged"),
            Ask::Timed => {
                cx.wakes_at(None);
                self.diary.write("timed");
            }
            Ask::ArmTimer(wait, reply) => {
                cx.wakes_at(Some(cx.system().clock().now().plus(wait)));
                state.timer = Some(cx.send_after(wait, || Ask::Timed));
                reply.send(0);
            }
        }
    }

    async fn stop(&self, _: &Cx<Ask>, _: &mut TestState) {
        let gate = self.plan.stop_gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.notified().await;
        }
        self.diary.write(format!("{} stops", self.name));
    }
}

pub const SECOND: Duration = Duration::from_secs(1);

/// A system with the manual clock.
pub fn system() -> System {
    system_seeded(7)
}

pub fn system_seeded(seed: u64) -> System {
    let start = Timestamp::from_micros(1_800_000_000_000_000);
    System::new(Arc::new(ManualClock::starting_at(start)), Arc::new(SeededEntropy::new(seed)))
}

pub fn test_service(name: &'static str, diary: &Diary) -> impl Fn() -> TestService + Send + Sync + use<> {
    test_service_with(name, diary, &StartPlan::default())
}

pub fn test_service_with(
    name: &'static str,
    diary: &Diary,
    plan: &StartPlan,
) -> impl Fn() -> TestService + Send + Sync + use<> {
    let (diary, plan) = (diary.clone(), plan.clone());
    move || TestService { name, diary: diary.clone(), plan: plan.clone() }
}

/// Waits for a state, for at most one minute of paused time.
#[track_caller]
pub fn until<F: FnMut() -> bool>(what: &str, mut holds: F) -> impl Future<Output = ()> {
    let what = what.to_owned();
    async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        for _ in 0..60_000 {
            if holds() {
                return;
            }
            ticks.tick().await;
        }
        panic!("a minute passed before {what}");
    }
}

pub fn report(system: &System, path: &str) -> ActorReport {
    system.stats().report(path).unwrap_or_else(|| panic!("no actor at {path}"))
}

pub async fn until_status(system: &System, path: &str, status: ActorStatus) {
    until(&format!("{path} is {status:?}"), || report(system, path).status == status).await;
}

pub async fn echo(addr: &Addr<Ask>, number: u32) -> Result<u32, Fault> {
    addr.call(SECOND, |reply| Ask::Echo(number, reply)).await
}
