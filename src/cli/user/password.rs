//! Passwords are read from files, standard input or the terminal, because every process of the machine can read a
//! command line.

use std::{
    fmt::Display,
    fs::File,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use zeroize::Zeroizing;

use super::CliFailure;
use crate::{
    cli::{
        client,
        tty::{RawTty, TtyEvent, TtyEvents},
    },
    types::{Secret, limits},
};

/// The source of a password.
#[derive(Debug, Args)]
pub(super) struct PasswordSource {
    /// The file with the password, - for standard input; a line break at its end is ignored. Without this flag the
    /// terminal asks, twice and without echo
    #[arg(long = "password-file", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl PasswordSource {
    /// The password.
    pub(super) fn read(&self) -> Result<Secret, CliFailure> {
        match &self.file {
            Some(file) if file == Path::new("-") => from_reader("standard input", io::stdin().lock()),
            Some(file) => {
                let name = format!("the password file {}", file.display());
                let opened = File::open(file)
                    .map_err(|error| CliFailure::fault(&name, error, "name a file that you can read"))?;
                from_reader(&name, opened)
            }
            None => asked(),
        }
    }
}

fn from_reader(name: &str, reader: impl Read) -> Result<Secret, CliFailure> {
    let fault = |cause: &dyn Display, fix: &str| CliFailure::fault(name, cause, fix);
    let most = limits::SECRET_INPUT_MAX as u64;
    let mut bytes = Zeroizing::new(Vec::new());
    reader.take(most + 1).read_to_end(&mut bytes).map_err(|error| fault(&error, "name a file that you can read"))?;
    if bytes.len() > limits::SECRET_INPUT_MAX {
        return Err(fault(&format_args!("it has more than {most} bytes"), "a password alone belongs there"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| fault(&"it is not UTF-8", "save it as UTF-8"))?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let password = line.strip_suffix('\r').unwrap_or(line);
    if password.is_empty() {
        return Err(fault(&"it is empty", "write the password there"));
    }
    Ok(Secret::new(password))
}

const OTHER_SOURCE: &str = "name a file with --password-file FILE, or --password-file - for standard input";

/// How often the terminal asks until both entries are the same.
const TRIES: usize = 3;

fn asked() -> Result<Secret, CliFailure> {
    let none = || CliFailure::Usage(format!("there is no terminal to ask for the password at; {OTHER_SOURCE}"));
    if !io::stdin().is_terminal() {
        return Err(none());
    }
    client::runtime()?.block_on(async {
        let broken = |error: io::Error| CliFailure::fault("the terminal", error, OTHER_SOURCE);
        let mut events = TtyEvents::of(RawTty::open().map_err(|_| none())?).map_err(broken)?;
        for _ in 0..TRIES {
            let first = line(&mut events, "Password: ").await?;
            if first.is_empty() {
                return Err(CliFailure::Fault(
                    "the password is empty, and nothing was changed; type one, or name a file with --password-file"
                        .to_owned(),
                ));
            }
            let second = line(&mut events, "The same password again: ").await?;
            if *first == *second {
                let text = std::str::from_utf8(&first);
                let text = text.map_err(|_| CliFailure::fault("the password", "it is not UTF-8", OTHER_SOURCE))?;
                return Ok(Secret::new(text));
            }
            events.tty().print("The two are not the same.\r\n").map_err(broken)?;
        }
        Err(CliFailure::Fault(
            "the two passwords are not the same, and nothing was changed; repeat the command".to_owned(),
        ))
    })
}

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const DELETE: u8 = 127;

/// One line, which is not shown. Backspace removes a character, Ctrl+U the line.
async fn line(events: &mut TtyEvents, prompt: &str) -> Result<Zeroizing<Vec<u8>>, CliFailure> {
    let broken = |error: io::Error| CliFailure::fault("the terminal", error, OTHER_SOURCE);
    events.tty().print(prompt).map_err(broken)?;
    // The whole size at once: a vector that grows leaves copies behind.
    let mut typed = Zeroizing::new(Vec::with_capacity(limits::SECRET_INPUT_MAX));
    let is_whole = loop {
        match events.next().await {
            TtyEvent::Byte(b'\r' | b'\n') => break true,
            TtyEvent::Byte(CTRL_C | CTRL_D) | TtyEvent::End => break false,
            TtyEvent::Byte(BACKSPACE | DELETE) => remove_character(&mut typed),
            TtyEvent::Byte(CTRL_U) => typed.clear(),
            TtyEvent::Byte(byte) if typed.len() < limits::SECRET_INPUT_MAX => typed.push(byte),
            TtyEvent::Byte(_) | TtyEvent::Resized => {}
        }
    };
    events.tty().print("\r\n").map_err(broken)?;
    let stopped = || CliFailure::Fault("stopped, and nothing was changed; repeat the command".to_owned());
    if is_whole { Ok(typed) } else { Err(stopped()) }
}

/// Removes the last character of UTF-8 (RFC 3629 section 3): its continuation bytes and its first byte.
fn remove_character(typed: &mut Vec<u8>) {
    while typed.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backspace_removes_a_whole_character() {
        let mut typed = "a\u{e9}\u{1f600}".as_bytes().to_vec();
        for left in ["a\u{e9}", "a", "", ""] {
            remove_character(&mut typed);
            assert_eq!(typed, left.as_bytes());
        }
    }
}
