//! A machine with the systemd unit of `deploy/`, below one directory: the paths of the unit, stand-ins for the programs
//! of systemd, and the environment of an operator's shell.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_majordomo");
const UNIT: &str = include_str!("../../../deploy/majordomo.service");

/// What the documents name, and what takes its place. Nothing else is changed.
const SUBSTITUTIONS: [(&str, &str); 8] = [
    // Paths of the machine.
    ("/var/lib/majordomo", "{root}/var/lib/majordomo"),
    ("/etc/majordomo", "{root}/etc/majordomo"),
    ("/etc/systemd", "{root}/etc/systemd"),
    ("/usr/local/bin", "{root}/usr/local/bin"),
    ("/mnt/backup", "{root}/mnt/backup"),
    // Both listeners, on a loopback address that no other test uses.
    ("127.0.0.1:8080", "{address}:8080"),
    ("127.0.0.1:9090", "{address}:9090"),
    // A mail server that does not answer: no test sends to the Internet.
    ("mail.example.com", "127.0.0.1:1"),
];

/// The programs of other packages that the documents use and that a test cannot run: each is recorded. systemctl starts
/// and stops the server as the unit does, journalctl prints its output, docker runs what it would run in the container.
pub const STAND_INS: [&str; 4] = ["docker", "journalctl", "systemctl", "timedatectl"];

const SYSTEMCTL: &str = r#"#!/bin/sh
echo "systemctl $*" >> {root}/recorded
runs() { [ "$(cut -d ' ' -f 3 "/proc/$(cat {root}/pid)/stat" 2> {root}/ignored || echo Z)" != Z ]; }
stop() { if [ -e {root}/pid ] && runs; then kill -TERM "$(cat {root}/pid)"; while runs; do sleep 0.1; done; fi; }
start() {
    mkdir -p -m 0700 {root}{state}
    rm -rf {root}/run/credentials
    mkdir -p {root}/run/credentials
{credentials}
    env -i PATH="$PATH" CREDENTIALS_DIRECTORY={root}/run/credentials MAJORDOMO__STORE__PATH={root}{state}/data \
        MAJORDOMO__EDGE__LISTEN="$MAJORDOMO__EDGE__LISTEN" MAJORDOMO__EDGE__OPS_LISTEN="$MAJORDOMO__EDGE__OPS_LISTEN" \
        setsid {start} >> {root}/journal 2>&1 < /dev/null &
    echo $! > {root}/pid
}
case "$1" in
    daemon-reload) ;;
    enable | start) if ! [ -e {root}/pid ] || ! runs; then start; fi ;;
    stop) stop ;;
    restart) stop; start ;;
    *) echo "the stand-in of systemctl does not know $1" >&2; exit 64 ;;
esac
"#;

const JOURNALCTL: &str = "#!/bin/sh\necho \"journalctl $*\" >> {root}/recorded\nexec cat {root}/journal\n";

const TIMEDATECTL: &str = "#!/bin/sh\necho \"timedatectl $*\" >> {root}/recorded\n";

const DOCKER: &str = r#"#!/bin/sh
echo "docker $*" >> {root}/recorded
while [ $# -gt 0 ]; do
    case "$1" in
        exec) shift 2; exec "$@" ;;
        logs) exec cat {root}/journal ;;
        *) shift ;;
    esac
done
exit 64
"#;

/// The machine. Dropped, its server is killed.
pub struct Machine {
    root: TempDir,
    address: Ipv4Addr,
}

/// The value of a key of the unit that has one value.
fn of_unit(key: &str) -> &'static str {
    let value = UNIT.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("the unit has no {key}"))
}

impl Machine {
    /// A machine on which nothing is installed. The current directory of its shell has the files of the repository, and
    /// the program as it is after a download.
    pub fn new() -> Self {
        let process = std::process::id().to_be_bytes();
        let machine = Self {
            root: tempfile::tempdir().unwrap(),
            address: Ipv4Addr::new(127, 77 + process[1], process[2], process[3]),
        };
        for dir in ["bin", "work/deploy", "mnt/backup"] {
            fs::create_dir_all(machine.path(dir)).unwrap();
        }
        fs::write(machine.path("work/majordomo.service"), UNIT).unwrap();
        // A program of some hundred megabytes is not copied.
        machine.executable("work/majordomo", &format!("#!/bin/sh\nexec {PROGRAM} \"$@\"\n"));
        std::os::unix::fs::symlink(PROGRAM, machine.path("bin/majordomo")).unwrap();
        let credentials = UNIT.lines().filter_map(|line| line.strip_prefix("LoadCredential=")?.split_once(':'));
        let credentials = credentials.map(|(name, path)| {
            format!("    install -m 0400 {{root}}{path} {{root}}/run/credentials/{name} || exit 243")
        });
        let start = machine.substituted(of_unit("ExecStart"));
        let systemctl = SYSTEMCTL
            .replace("{credentials}", &credentials.collect::<Vec<_>>().join("\n"))
            .replace("{state}", &format!("/var/lib/{}", of_unit("StateDirectory")))
            .replace("{start}", &start);
        for (name, script) in [
            ("systemctl", systemctl.as_str()),
            ("journalctl", JOURNALCTL),
            ("timedatectl", TIMEDATECTL),
            ("docker", DOCKER),
        ] {
            machine.executable(&format!("bin/{name}"), &script.replace("{root}", &machine.root()));
        }
        machine
    }

    fn executable(&self, name: &str, script: &str) {
        fs::write(self.path(name), script).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn root(&self) -> String {
        self.root.path().display().to_string()
    }

    /// The commands with the paths and addresses of this machine.
    pub fn substituted(&self, script: &str) -> String {
        let values = |text: &str| text.replace("{root}", &self.root()).replace("{address}", &self.address.to_string());
        SUBSTITUTIONS.iter().fold(script.to_owned(), |text, (from, to)| text.replace(from, &values(to)))
    }

    /// A shell of an operator, which takes the commands as its last argument. The settings file is found by a variable,
    /// and with it the three defaults that its path has on a machine with the unit.
    pub fn shell(&self) -> Command {
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c"]).current_dir(self.path("work")).env_clear();
        let system = std::env::var("PATH").unwrap_or_default();
        shell.env("PATH", format!("{0}/usr/local/bin:{0}/bin:{system}", self.root())).env("HOME", self.root.path());
        let of_machine = |path: &str| self.substituted(path);
        shell.env("MAJORDOMO_CONFIG", of_machine("/etc/majordomo/config.toml"));
        shell.env("MAJORDOMO__STORE__PATH", of_machine("/var/lib/majordomo/data"));
        let smtp_url = PathBuf::from(of_machine("/etc/majordomo/smtp_url"));
        shell.env("MAJORDOMO__SECRETS__KEY_RING_FILE", of_machine("/etc/majordomo/key_ring"));
        shell.env("MAJORDOMO__NOTIFY__EMAIL__SMTP_URL_FILE", smtp_url);
        shell.env("MAJORDOMO__EDGE__LISTEN", of_machine("127.0.0.1:8080"));
        shell.env("MAJORDOMO__EDGE__OPS_LISTEN", of_machine("127.0.0.1:9090"));
        shell
    }

    /// The calls of the stand-ins, one per line.
    pub fn recorded(&self) -> String {
        fs::read_to_string(self.path("recorded")).unwrap_or_default()
    }

    /// The output of the server, as systemd keeps it.
    pub fn journal(&self) -> String {
        fs::read_to_string(self.path("journal")).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let Ok(id) = fs::read_to_string(self.path("pid")) else { return };
        let Ok(id) = id.trim().parse() else { return };
        let is_server = |path: &Path| fs::read_to_string(path).is_ok_and(|line| line.contains("majordomo"));
        // The server may have ended, and its number may be another process's.
        if is_server(Path::new(&format!("/proc/{id}/cmdline"))) {
            kill(Pid::from_raw(id), Signal::SIGKILL).ok();
        }
    }
}
