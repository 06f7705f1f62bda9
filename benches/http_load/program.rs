//! A server in a process of its own: the program under measurement, or one that it is compared with.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// Another build of the program than that of this bench.
const OTHER_PROGRAM: &str = "MAJORDOMO_TEST_PROGRAM";

/// A running server.
pub struct Program {
    child: Child,
    /// The address of its listener.
    pub address: String,
}

/// A command of the program in `folder`, with settings such as `("store.engine", "redb")`.
pub fn command(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let other = std::env::var_os(OTHER_PROGRAM);
    let mut command = Command::new(other.unwrap_or_else(|| env!("CARGO_BIN_EXE_majordomo").into()));
    command.args(arguments).current_dir(folder).env_clear();
    let fixed = [
        ("edge.listen", "127.0.0.1:0"),
        ("edge.ops_listen", "127.0.0.1:0"),
        ("edge.rate_limits.enabled", "false"),
        ("auth.issuer", "http://majordomo.localhost"),
        ("auth.hash.queue", "512"),
        ("auth.hash.queue_per_network", "512"),
        ("log.level", "warn"),
    ];
    for (key, value) in fixed.iter().chain(settings) {
        command.env(format!("MAJORDOMO__{}", key.to_uppercase().replace('.', "__")), value);
    }
    command
}

impl Program {
    /// Starts a server, which writes its address behind `after` on its standard output.
    pub fn start(mut command: Command, after: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut address = None;
        for line in lines.map_while(Result::ok) {
            if let Some(rest) = line.split(after).nth(1) {
                let url = rest.split_whitespace().next().unwrap_or_default();
                address = Some(url.trim_start_matches("http://").trim_end_matches('/').to_owned());
                break;
            }
        }
        Self { child, address: address.expect("the program writes its address") }
    }

    /// Starts the program and waits until it is ready.
    pub async fn serve(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let started = Self::start(command(folder, &["serve"], settings), "public listener on ");
        let mut turn = tokio::time::interval(Duration::from_millis(20));
        loop {
            turn.tick().await;
            let mut connection = super::client::Connection::open(&started.address).await;
            if connection.call(&super::client::request("GET", "/health/ready", None, None)).await.status == 200 {
                return started;
            }
        }
    }

    /// The processor time that the process has used.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = [11, 12].iter().map(|at| fields[*at].parse::<u64>().expect("a number")).sum();
        // Linux reports hundredths of a second.
        Duration::from_millis(ticks * 10)
    }

    /// SIGTERM, and waits until the process has ended.
    pub fn stop(mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(id, Signal::TERM).expect("it runs");
        assert!(self.child.wait().expect("it ends").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // After `stop` there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
