//! Runs the program at a terminal of its own, by `script` of util-linux, and records the modes of the terminal before
//! and after.

use std::{
    io::{Read, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use crate::harness::{Majordomo, skipped};

const SCRIPT: &str = "/usr/bin/script";
const LONGEST: Duration = Duration::from_secs(30);

type Shown = Arc<(Mutex<(String, bool)>, Condvar)>;

/// The program at its terminal; killed when it is dropped.
pub struct AtTerminal {
    child: Child,
    keys: Option<ChildStdin>,
    shown: Shown,
    reader: Option<JoinHandle<()>>,
    folder: std::path::PathBuf,
}

/// The end of the program.
pub struct AtTerminalEnd {
    pub code: i32,
    /// The modes of the terminal, by `stty -g`.
    pub before: String,
    pub after: String,
    /// All that the terminal showed.
    pub shown: String,
}

impl AtTerminal {
    /// Starts the program. `None`, with a line, where `script` is missing; with `MAJORDOMO_TEST_ALL=1` that is a
    /// failure.
    pub fn run(program: &Majordomo, arguments: &[&str]) -> Option<Self> {
        if !Path::new(SCRIPT).exists() {
            skipped(&format!("{SCRIPT} is missing"));
            return None;
        }
        let folder = program.path("");
        let quoted: Vec<String> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
        let binary = env!("CARGO_BIN_EXE_majordomo");
        let steps = format!(
            "stty -g > before\n'{binary}' {} &&\necho 0 > code || echo $? > code\nstty -g > after\n",
            quoted.join(" ")
        );
        std::fs::write(folder.join("steps.sh"), steps).unwrap();
        let mut command: Command = program.command(&[]);
        let set: Vec<(std::ffi::OsString, std::ffi::OsString)> =
            command.get_envs().filter_map(|(name, value)| Some((name.into(), value?.into()))).collect();
        command = Command::new(SCRIPT);
        command.args(["-qfec", "sh steps.sh", "/dev/null"]).current_dir(&folder);
        command.env_clear().envs(set).env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let shown = Shown::default();
        let (mut output, to) = (child.stdout.take().unwrap(), Arc::clone(&shown));
        let read = move || {
            let mut buffer = [0; 4_096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                to.0.lock().unwrap().0.push_str(&String::from_utf8_lossy(&buffer[..length]));
                to.1.notify_all();
            }
            to.0.lock().unwrap().1 = true;
            to.1.notify_all();
        };
        let reader = Some(std::thread::Builder::new().spawn(read).unwrap());
        Some(Self { keys: child.stdin.take(), child, shown, reader, folder })
    }

    /// Waits until the terminal has shown `text`.
    pub fn wait_for(&self, text: &str) {
        let (state, changed) = &*self.shown;
        let waits = |(shown, is_over): &mut (String, bool)| !shown.contains(text) && !*is_over;
        let (state, _) = changed.wait_timeout_while(state.lock().unwrap(), LONGEST, waits).unwrap();
        let last: String = state.0.chars().rev().take(2_000).collect::<Vec<_>>().into_iter().rev().collect();
        let is_shown = state.0.contains(text);
        drop(state);
        assert!(is_shown, "{text:?} is not shown; the last was {last:?}");
    }

    /// Types `keys`.
    pub fn press(&mut self, keys: &str) {
        let stream = self.keys.as_mut().unwrap();
        stream.write_all(keys.as_bytes()).and_then(|()| stream.flush()).unwrap();
    }

    /// Sends a signal to the program.
    pub fn signal(&self, name: &str) {
        // script > sh -c > sh steps.sh > the program; a shell may replace itself by its last command.
        let mut id = self.child.id().to_string();
        while let Some(child) = only_child(&id) {
            id = child;
        }
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Waits for the end of the program.
    pub fn end(mut self) -> AtTerminalEnd {
        let (state, changed) = &*self.shown;
        let (ended, _) = changed.wait_timeout_while(state.lock().unwrap(), LONGEST, |state| !state.1).unwrap();
        assert!(ended.1, "the program does not end: {:?}", ended.0);
        let shown = ended.0.clone();
        drop(ended);
        self.keys = None;
        self.reader.take().unwrap().join().unwrap();
        let text = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap();
        let code = text("code").trim().parse().unwrap();
        AtTerminalEnd { code, before: text("before"), after: text("after"), shown }
    }
}

/// The child of a process (`/proc/<id>/task/<id>/children`, proc(5)).
fn only_child(id: &str) -> Option<String> {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    children.split_whitespace().next().map(str::to_owned)
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
