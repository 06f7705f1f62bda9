//! The terminal of the process, read key by key. Its modes are restored at every end: by `Drop` after a return or an
//! unwinding panic, and a signal ends the command by a return.

use std::{
    fs::File,
    io::{self, Write as _},
};

use rustix::{
    fs::{Mode, OFlags},
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr},
};
use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe::Receiver,
    signal::unix::{Signal, SignalKind, signal},
};

/// A terminal without echo, whose keys arrive one by one; control keys arrive as bytes and send no signal.
#[derive(Debug)]
pub(super) struct RawTty {
    file: File,
    before: Termios,
}

impl RawTty {
    /// The controlling terminal. Fails if the process has none.
    pub(super) fn open() -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Self::on(File::from(rustix::fs::open("/dev/tty", flags, Mode::empty())?))
    }

    /// Another terminal.
    pub(super) fn on(file: File) -> io::Result<Self> {
        let before = tcgetattr(&file)?;
        let mut raw = before.clone();
        raw.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&file, OptionalActions::Flush, &raw)?;
        Ok(Self { file, before })
    }

    /// Writes to the terminal.
    pub(super) fn print(&self, text: &str) -> io::Result<()> {
        (&self.file).write_all(text.as_bytes())
    }
}

impl Drop for RawTty {
    fn drop(&mut self) {
        // A closed terminal has no modes.
        let _ = tcsetattr(&self.file, OptionalActions::Drain, &self.before);
    }
}

/// What happens at the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TtyEvent {
    /// A byte of a key.
    Byte(u8),
    /// The window has another size.
    Resized,
    /// A signal asks for the end, or the terminal was closed.
    End,
}

/// The keys of a terminal, and the signals that concern it.
pub(super) struct TtyEvents {
    tty: RawTty,
    /// The same terminal. tokio reads any file that can be polled as it reads a pipe.
    keys: Receiver,
    resized: Signal,
    ends: [Signal; 4],
}

impl TtyEvents {
    /// Begins to read `tty`; signals no longer kill the process. Must be called within a runtime.
    pub(super) fn of(tty: RawTty) -> io::Result<Self> {
        let ends = [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::quit())?,
        ];
        let keys = Receiver::from_file_unchecked(tty.file.try_clone()?)?;
        Ok(Self { tty, keys, resized: signal(SignalKind::window_change())?, ends })
    }

    /// The terminal.
    pub(super) fn tty(&self) -> &RawTty {
        &self.tty
    }

    /// Waits for the next event.
    pub(super) async fn next(&mut self) -> TtyEvent {
        let [interrupt, terminate, hangup, quit] = &mut self.ends;
        tokio::select! {
            byte = read(&mut self.keys) => byte.map_or(TtyEvent::End, TtyEvent::Byte),
            _ = self.resized.recv() => TtyEvent::Resized,
            _ = interrupt.recv() => TtyEvent::End,
            _ = terminate.recv() => TtyEvent::End,
            _ = hangup.recv() => TtyEvent::End,
            _ = quit.recv() => TtyEvent::End,
        }
    }
}

/// The next byte; `None` once the terminal is closed.
async fn read(keys: &mut Receiver) -> Option<u8> {
    let mut byte = [0];
    match keys.read(&mut byte).await {
        Ok(1) => Some(byte[0]),
        Ok(_) | Err(_) => None,
    }
}

/// Both ends of a new terminal.
#[cfg(test)]
pub(super) fn terminal() -> (File, File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&outer).unwrap();
    unlockpt(&outer).unwrap();
    let name = ptsname(&outer, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK;
    (File::from(outer), File::from(rustix::fs::open(name, flags, Mode::empty()).unwrap()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modes_are_restored_after_a_return_and_after_a_panic() {
        let (_outer, inner) = terminal();
        let echoes = || tcgetattr(&inner).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON);
        assert!(echoes());
        let raw = RawTty::on(inner.try_clone().unwrap()).unwrap();
        assert!(!echoes());
        drop(raw);
        assert!(echoes());
        let panicked = std::panic::catch_unwind(|| {
            let _raw = RawTty::on(inner.try_clone().unwrap()).unwrap();
            assert!(echoes(), "this fails, as the terminal is raw");
        });
        assert!(panicked.is_err() && echoes());
    }

    #[tokio::test]
    async fn keys_arrive_one_by_one_and_control_keys_too() {
        let (mut outer, inner) = terminal();
        let mut events = TtyEvents::of(RawTty::on(inner).unwrap()).unwrap();
        outer.write_all(b"q\x03").unwrap();
        assert_eq!(events.next().await, TtyEvent::Byte(b'q'));
        assert_eq!(events.next().await, TtyEvent::Byte(3));
        drop(outer);
        assert_eq!(events.next().await, TtyEvent::End);
    }
}
