//! Runs the real program in an empty directory with an empty environment.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The error of a command that finds no store.
pub const NO_STORE: &str =
    "error: data holds no store (store.path); start the server once (`majordomo serve`), which makes it\n";

/// Prints why a test does not run; with `MAJORDOMO_TEST_ALL=1` that is a failure.
#[expect(clippy::print_stdout, reason = "a reader of the tests sees what did not run")]
pub fn skipped(reason: &str) {
    let must_run = std::env::vars().any(|(name, value)| name == "MAJORDOMO_TEST_ALL" && value == "1");
    assert!(!must_run, "{reason}");
    println!("skipped: {reason}");
}

/// A directory in which the program runs, and its environment.
pub struct Majordomo {
    directory: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// The result of a run.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// An address on which no process listens while the socket is held. A port that was only free at a check may be given
/// to another program.
pub fn unused_address() -> (tokio::net::TcpSocket, std::net::SocketAddr) {
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = held.local_addr().unwrap();
    (held, address)
}

impl Majordomo {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_majordomo"));
        command.args(arguments).current_dir(self.directory.path()).stdin(Stdio::null()).stderr(Stdio::piped());
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).stdout(Stdio::piped()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run {
            code: output.status.code().expect("ended by a signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The names in the directory, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| name_of(&entry.unwrap().path())).collect();
        names.sort();
        names
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// The running server; killed when it is dropped.
pub struct Server {
    child: std::process::Child,
    /// The address of its public listener.
    pub public: String,
    /// The address of its ops listener.
    pub ops: String,
}

impl Majordomo {
    /// Starts the server on free ports and waits until it prints its addresses.
    pub fn serve(&self) -> Server {
        use std::io::BufRead;
        let arguments = ["--set", "edge.listen=127.0.0.1:0", "--set", "edge.ops_listen=127.0.0.1:0", "serve"];
        let mut child = self.command(&arguments).stderr(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut public, mut ops) = (String::new(), String::new());
        let address = |line: &str| line.split("http://").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        for line in std::io::BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.starts_with("public listener") {
                public = address(&line);
            } else if line.starts_with("ops listener") {
                ops = address(&line);
                break;
            }
        }
        assert!(!public.is_empty() && !ops.is_empty(), "it did not start");
        Server { child, public, ops }
    }
}

impl Server {
    /// Runs a command that finds this server.
    pub fn run(&self, majordomo: &Majordomo, arguments: &[&str]) -> Run {
        let ops = format!("edge.ops_listen={}", self.ops);
        majordomo.run(&[&["--set", &ops], arguments].concat())
    }

    /// Requests a stop, as an operator does, and waits for the end.
    pub fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
