//! One program in a directory of its own, on ports of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use crate::api::Api;

/// A first start creates its keys; other starts are faster.
const FIRST_START: Duration = Duration::from_secs(60);
const PROGRAM: &str = env!("CARGO_BIN_EXE_majordomo");
/// The environment variable that names another build of the program.
const OTHER_PROGRAM: &str = "MAJORDOMO_TEST_PROGRAM";

/// The directory the program is started in; it remains over restarts.
pub struct Home {
    folder: TempDir,
    settings: Vec<(String, String)>,
}

impl Home {
    pub fn new() -> Self {
        let mut home = Self { folder: tempfile::tempdir().unwrap(), settings: Vec::new() };
        home.set("edge.listen", "127.0.0.1:0");
        home.set("edge.ops_listen", "127.0.0.1:0");
        home.set("store.lock_wait", "0s");
        home
    }

    /// Sets a key of the configuration by the program's environment.
    pub fn set(&mut self, key: &str, value: &str) {
        let name = format!("MAJORDOMO__{}", key.to_uppercase().replace('.', "__"));
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The directory of the store.
    pub fn store(&self) -> PathBuf {
        self.path().join("data")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let other = std::env::var_os(OTHER_PROGRAM);
        self.command_of(other.as_deref().map_or(Path::new(PROGRAM), Path::new), arguments)
    }

    /// The same for another program.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var("PATH").unwrap_or_default()).env("HOME", self.path());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        ended(self.command(arguments), arguments).await
    }

    /// Runs a command that calls a running server.
    pub async fn run_beside(&self, server: &Server, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        let address = |url: &str| url.trim_start_matches("http://").to_owned();
        command.env("MAJORDOMO__EDGE__LISTEN", address(&server.public));
        command.env("MAJORDOMO__EDGE__OPS_LISTEN", address(&server.ops));
        ended(command, arguments).await
    }

    /// Starts `serve` and waits until it is ready.
    pub async fn start(&self) -> Server {
        self.start_with(&["serve"]).await
    }

    pub async fn start_with(&self, arguments: &[&str]) -> Server {
        let mut server = Server::launch(self.command(arguments)).await;
        server.wait_until_ready().await;
        server
    }
}

impl Server {
    /// Starts `command` and waits until it logs its addresses.
    pub async fn launch(command: Command) -> Self {
        let launched = Self::attempt(command).await;
        launched.unwrap_or_else(|written| panic!("the program did not log its addresses:\n{written}"))
    }

    /// As `launch`; the error is the output of a program that does not log its addresses.
    pub async fn attempt(mut command: Command) -> Result<Self, String> {
        let started = Instant::now();
        let mut child = command.spawn().unwrap();
        let written = Arc::new(Mutex::new(String::new()));
        let (announce, mut announced) = watch::channel(Listeners::default());
        let readers = [
            listen(child.stdout.take().unwrap(), Arc::clone(&written), Some(announce)),
            listen(child.stderr.take().unwrap(), Arc::clone(&written), None),
        ];
        let both = announced.wait_for(|listeners| listeners.public.is_some() && listeners.ops.is_some());
        let listeners = match timeout(FIRST_START, both).await {
            Ok(Ok(listeners)) => listeners.clone(),
            Ok(Err(_)) => {
                let [stdout, stderr] = readers;
                stdout.await.unwrap();
                stderr.await.unwrap();
                return Err(written.lock().unwrap().clone());
            }
            Err(_) => return Err(written.lock().unwrap().clone()),
        };
        let (Some(public), Some(ops)) = (listeners.public, listeners.ops) else { unreachable!() };
        Ok(Self { child, public, ops, written, readers, started, ready_after: Duration::ZERO })
    }

    /// Starts `command`, whose settings name the addresses `[public, ops]`, and waits for nothing.
    pub fn begin(mut command: Command, addresses: [SocketAddr; 2]) -> Self {
        let started = Instant::now();
        let mut child = command.spawn().unwrap();
        let written = Arc::new(Mutex::new(String::new()));
        let readers = [
            listen(child.stdout.take().unwrap(), Arc::clone(&written), None),
            listen(child.stderr.take().unwrap(), Arc::clone(&written), None),
        ];
        let [public, ops] = addresses.map(|address| format!("http://{address}"));
        Self { child, public, ops, written, readers, started, ready_after: Duration::ZERO }
    }
}

async fn ended(mut command: Command, arguments: &[&str]) -> Output {
    let output = timeout(FIRST_START, command.output()).await;
    output.unwrap_or_else(|_| panic!("majordomo {arguments:?} did not end")).unwrap()
}

#[derive(Clone, Default)]
struct Listeners {
    public: Option<String>,
    ops: Option<String>,
}

/// Stores the program's output, and reads from it the addresses on which the program listens.
fn listen(
    stream: impl AsyncRead + Send + Unpin + 'static,
    written: Arc<Mutex<String>>,
    announce: Option<watch::Sender<Listeners>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(announce) = &announce {
                announce.send_modify(|listeners| {
                    listeners.public = address(&line, "public listener on ").or(listeners.public.take());
                    listeners.ops = address(&line, "ops listener on ").or(listeners.ops.take());
                });
            }
            let mut written = written.lock().unwrap();
            written.push_str(&line);
            written.push('\n');
        }
    })
}

fn address(line: &str, after: &str) -> Option<String> {
    let rest = line.split(after).nth(1)?;
    let word = rest.split_whitespace().next()?;
    word.starts_with("http://").then(|| word.trim_end_matches('/').to_owned())
}

/// A running program; dropped, it is killed.
pub struct Server {
    child: Child,
    pub public: String,
    pub ops: String,
    written: Arc<Mutex<String>>,
    /// The tasks end when the program has closed its streams and all its output is stored.
    readers: [JoinHandle<()>; 2],
    started: Instant,
    /// The time from the start of the process to the first 200 of `/health/ready`.
    pub ready_after: Duration,
}

impl Server {
    pub fn api(&self) -> Api {
        Api::new(&self.public)
    }

    pub fn ops_api(&self) -> Api {
        Api::new(&self.ops)
    }

    /// The output so far, of both streams.
    pub fn written(&self) -> String {
        self.written.lock().unwrap().clone()
    }

    /// The standard input, if the command was given a pipe for it; can be taken once.
    pub fn input(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("no pipe to its standard input")
    }

    pub async fn wait_until_ready(&mut self) {
        if !self.becomes_ready().await {
            panic!("the program did not become ready:\n{}", self.written());
        }
    }

    /// Waits until the program is ready; false if it ends, or does not become ready in time.
    pub async fn becomes_ready(&mut self) -> bool {
        let api = self.api();
        let ready = until(FIRST_START, || {
            let (runs, api) = (self.runs(), &api);
            async move {
                match api.get("/health/ready").await {
                    Ok(answer) if answer.status == 200 => Some(true),
                    Ok(_) => None,
                    Err(_) => (!runs).then_some(false),
                }
            }
        });
        let is_ready = ready.await == Some(true);
        self.ready_after = self.started.elapsed();
        is_ready
    }

    /// `kill -9`, and waits until the process has ended.
    pub async fn kill(mut self) {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
    }

    /// SIGTERM.
    pub fn ask_to_stop(&self) {
        self.signal(Signal::SIGTERM);
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.id()).unwrap()), signal).unwrap();
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id().expect("the process has ended")
    }

    /// Waits until the process ends by itself and returns its exit status and all its output.
    pub async fn ended(mut self, within: Duration) -> (ExitStatus, String) {
        let status = timeout(within, self.child.wait()).await;
        let status =
            status.unwrap_or_else(|_| panic!("the process did not end in {within:?}:\n{}", self.written())).unwrap();
        for reader in &mut self.readers {
            reader.await.unwrap();
        }
        (status, self.written())
    }

    /// Whether the process runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

/// A test that fails prints the output of its programs: after a refused connection, the last lines contain the reason
/// why the program does not listen.
impl Drop for Server {
    fn drop(&mut self) {
        const SHOWN: usize = 60;
        if !std::thread::panicking() {
            return;
        }
        let state = match self.child.try_wait() {
            Ok(None) => "still ran".to_owned(),
            Ok(Some(status)) => format!("had ended before ({status})"),
            Err(error) => format!("cannot be looked at ({error})"),
        };
        let written = self.written();
        let lines: Vec<&str> = written.lines().collect();
        let last = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
        println!("the program at {} {state}; the last it wrote:\n{last}", self.public);
    }
}

/// Repeats the question, 50 times per second, until there is an answer or the time limit has passed.
pub async fn until<T, F: Future<Output = Option<T>>>(within: Duration, mut ask: impl FnMut() -> F) -> Option<T> {
    let mut turn = interval(Duration::from_millis(20));
    let asking = async {
        loop {
            turn.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    timeout(within, asking).await.ok()
}
