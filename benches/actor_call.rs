//! The cost of a call: with ractor alone (cast and oneshot; and its own `call`, which has a time limit as the
//! supervision kit has), through the kit, through actix, over a bare tokio channel. The results are ratios within one
//! run, since machines differ. First one caller, one call after another; then 64 callers at once. The rounds of the
//! candidates are interleaved, and the median of each is taken. Two rows compare the cost of a job: started by an enum
//! of messages and an actor with an arm for each of them, and started as a `Command` of the `CommandActor`.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program of its own, for people to run"
)]

use std::{
    future::Future,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use majordomo::{
    supervision::{
        Addr, Command, CommandContext, Cx, Handle, Message, OsEntropy, Reply, Service, Spec, Supervisor, System,
        SystemClock, Tree,
    },
    types::{Call, CallContext, Failure, Fault, Work},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
};

/// Calls of each caller per round.
const CALLS: u64 = 2_000;
const CALLERS: u64 = 64;
const ROUNDS: usize = 15;

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (kit, enum_jobs, commands, _tree) = runtime.block_on(start_kit());
    let plain = runtime.block_on(start_ractor());
    let limited = runtime.block_on(start_ractor_within());
    let actix = start_actix();
    let channel = runtime.block_on(start_channel());
    println!("{CALLS} calls per caller, {ROUNDS} rounds, median, two worker threads");
    for callers in [1, CALLERS] {
        let mut times: [Vec<Duration>; 7] = Default::default();
        // The first round is warm-up.
        for round in 0..=ROUNDS {
            let taken = [
                measure(&runtime, callers, || call_channel(channel.clone())),
                measure(&runtime, callers, || call_ractor(plain.clone())),
                measure(&runtime, callers, || call_kit(kit.clone())),
                measure(&runtime, callers, || call_ractor_within(limited.clone())),
                measure(&runtime, callers, || call_actix(actix.clone())),
                measure(&runtime, callers, || call_enum_job(enum_jobs.clone())),
                measure(&runtime, callers, || call_command(commands.clone())),
            ];
            if round > 0 {
                times.iter_mut().zip(taken).for_each(|(times, time)| times.push(time));
            }
        }
        report(callers, times);
    }
}

fn report(callers: u64, mut times: [Vec<Duration>; 7]) {
    let medians = times.each_mut().map(|times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e6 / CALLS as f64
    });
    println!("\n{callers} caller(s)");
    let names = ["tokio channel", "ractor", "kit", "ractor's call", "actix", "job by enum", "job by command"];
    for (name, micros) in names.iter().zip(medians) {
        println!("  {name:<14} {micros:>7.2} us per call   {:>5.2} x ractor", micros / medians[1]);
    }
    println!("  a command is {:.3} x a job by enum", medians[6] / medians[5]);
}

/// The time of `CALLS` calls, one after the other, by each of `callers` at the same time.
fn measure<F: Future<Output = ()> + Send + 'static>(
    runtime: &Runtime,
    callers: u64,
    mut one: impl FnMut() -> F,
) -> Duration {
    runtime.block_on(async {
        let began = Instant::now();
        let tasks: Vec<_> = (0..callers).map(|_| tokio::spawn(one())).collect();
        for task in tasks {
            task.await.unwrap();
        }
        began.elapsed() / u32::try_from(callers).unwrap()
    })
}

// -- the kit ----------------------------------------------------------------------------------------------------------

struct Echo;

enum Ask {
    Echo(u64, Reply<u64>),
}

impl Message for Ask {
    fn kind(&self) -> &'static str {
        "echo"
    }
}

impl Service for Echo {
    type Message = Ask;
    type State = ();
    const KIND: &'static str = "echo";

    async fn start(&self, _: &Cx<Ask>) -> Result<(), Fault> {
        Ok(())
    }

    async fn handle(&self, _: &Cx<Ask>, (): &mut (), Ask::Echo(number, reply): Ask, _: Work) {
        reply.send(number);
    }
}

async fn start_kit() -> (Addr<Ask>, Addr<JobAsk>, Handle<Numbers>, Tree) {
    let system = System::new(Arc::new(SystemClock::default()), Arc::new(OsEntropy));
    let mut root = Supervisor::root(&system);
    let addr = root.service(Spec::escape("echo"), || Echo);
    let numbers = Arc::new(Numbers);
    let shared = Arc::clone(&numbers);
    let jobs = root.service(Spec::escape("jobs"), move || JobEcho { shared: Arc::clone(&shared) });
    let commands = root.commands(Spec::escape("commands"), numbers);
    (addr, jobs, commands, root.start().await.unwrap())
}

async fn call_kit(addr: Addr<Ask>) {
    for number in 0..CALLS {
        let answer = addr.call(Duration::from_secs(5), |reply| Ask::Echo(number, reply)).await;
        assert_eq!(answer, Ok(number));
    }
}

// -- a job, by an enum of messages ------------------------------------------------------------------------------------

struct Numbers;

struct JobEcho {
    shared: Arc<Numbers>,
}

enum JobAsk {
    Echo(CallContext, u64, Reply<Result<u64, ()>>),
}

impl Message for JobAsk {
    fn kind(&self) -> &'static str {
        match self {
            Self::Echo(..) => "echo",
        }
    }
}

impl Service for JobEcho {
    type Message = JobAsk;
    type State = ();
    const KIND: &'static str = "job_echo";

    async fn start(&self, _: &Cx<JobAsk>) -> Result<(), Fault> {
        Ok(())
    }

    async fn handle(&self, cx: &Cx<JobAsk>, (): &mut (), message: JobAsk, work: Work) {
        let kind = message.kind();
        match message {
            JobAsk::Echo(context, number, reply) => {
                let echo = echo(Arc::clone(&self.shared), Call { work: work.clone(), context }, number);
                cx.job(work, kind, async move { reply.finish(echo.await) });
            }
        }
    }
}

async fn echo(_: Arc<Numbers>, _: Call, number: u64) -> Result<Result<u64, ()>, Fault> {
    Ok(Ok(number))
}

async fn call_enum_job(addr: Addr<JobAsk>) {
    for number in 0..CALLS {
        let context = CallContext::service("bench", "echo");
        let answer = addr.call(Duration::from_secs(5), |reply| JobAsk::Echo(context, number, reply)).await;
        assert_eq!(answer, Ok(Ok(number)));
    }
}

// -- the same as a command --------------------------------------------------------------------------------------------

impl CommandContext for Numbers {
    const KIND: &'static str = "NumbersActor";
}

struct EchoNumber(u64);

impl Command<Numbers> for EchoNumber {
    type Answer = u64;
    type Refusal = ();
    const KIND: &'static str = "echo";
    const DEADLINE: Duration = Duration::from_secs(5);

    async fn run(self, _: Arc<Numbers>, _: Call) -> Result<u64, Failure<()>> {
        Ok(self.0)
    }
}

async fn call_command(handle: Handle<Numbers>) {
    for number in 0..CALLS {
        let answer = handle.run(CallContext::service("bench", "echo"), EchoNumber(number)).await;
        assert_eq!(answer, Ok(number));
    }
}

// -- ractor alone -----------------------------------------------------------------------------------------------------

struct PlainEcho;

type Plain = (u64, oneshot::Sender<u64>);

impl ractor::Actor for PlainEcho {
    type Msg = Plain;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ractor::ActorRef<Plain>, (): ()) -> Result<(), ractor::ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ractor::ActorRef<Plain>,
        (number, reply): Plain,
        (): &mut (),
    ) -> Result<(), ractor::ActorProcessingErr> {
        reply.send(number).unwrap();
        Ok(())
    }
}

async fn start_ractor() -> ractor::ActorRef<Plain> {
    ractor::Actor::spawn(None, PlainEcho, ()).await.unwrap().0
}

async fn call_ractor(actor: ractor::ActorRef<Plain>) {
    for number in 0..CALLS {
        let (reply, answer) = oneshot::channel();
        actor.cast((number, reply)).unwrap();
        assert_eq!(answer.await.unwrap(), number);
    }
}

// -- ractor's own call, with a time limit -----------------------------------------------------------------------------

struct LimitedEcho;

type Limited = (u64, ractor::RpcReplyPort<u64>);

impl ractor::Actor for LimitedEcho {
    type Msg = Limited;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ractor::ActorRef<Limited>, (): ()) -> Result<(), ractor::ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ractor::ActorRef<Limited>,
        (number, reply): Limited,
        (): &mut (),
    ) -> Result<(), ractor::ActorProcessingErr> {
        reply.send(number).unwrap();
        Ok(())
    }
}

async fn start_ractor_within() -> ractor::ActorRef<Limited> {
    ractor::Actor::spawn(None, LimitedEcho, ()).await.unwrap().0
}

async fn call_ractor_within(actor: ractor::ActorRef<Limited>) {
    for number in 0..CALLS {
        let answer = actor.call(|reply| (number, reply), Some(Duration::from_secs(5))).await.unwrap();
        assert_eq!(answer.unwrap(), number);
    }
}

// -- actix ------------------------------------------------------------------------------------------------------------

struct ActixEcho;

struct Number(u64);

impl actix::Message for Number {
    type Result = u64;
}

impl actix::Actor for ActixEcho {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Number> for ActixEcho {
    type Result = u64;

    fn handle(&mut self, Number(number): Number, _: &mut Self::Context) -> u64 {
        number
    }
}

/// actix runs on a separate thread, as it does in a program.
fn start_actix() -> actix::Addr<ActixEcho> {
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .spawn(move || {
            actix::System::new().block_on(async {
                sender.send(actix::Actor::start(ActixEcho)).unwrap();
                std::future::pending::<()>().await;
            });
        })
        .unwrap();
    receiver.recv().unwrap()
}

async fn call_actix(addr: actix::Addr<ActixEcho>) {
    for number in 0..CALLS {
        assert_eq!(addr.send(Number(number)).await.unwrap(), number);
    }
}

// -- a bare tokio channel ---------------------------------------------------------------------------------------------

async fn start_channel() -> tokio::sync::mpsc::Sender<Plain> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Plain>(1_024);
    tokio::spawn(async move {
        while let Some((number, reply)) = receiver.recv().await {
            reply.send(number).unwrap();
        }
    });
    sender
}

async fn call_channel(sender: tokio::sync::mpsc::Sender<Plain>) {
    for number in 0..CALLS {
        let (reply, answer) = oneshot::channel();
        sender.send((number, reply)).await.unwrap();
        assert_eq!(answer.await.unwrap(), number);
    }
}
