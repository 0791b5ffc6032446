//! A real terminal, as a program sees it: a pseudo-terminal with an emulator at its other end.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks for what the program wrote.
const TURN: Duration = Duration::from_millis(2);

/// A terminal in which one program runs; dropping it kills the program.
pub struct Terminal {
    master: File,
    child: Child,
    seen: Arc<Mutex<Seen>>,
    reader: Option<JoinHandle<()>>,
    /// Whether nobody reads any more.
    is_closed: Arc<AtomicBool>,
}

/// What the program wrote.
struct Seen {
    emulator: vt100::Parser,
    bytes: Vec<u8>,
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal")
            .field("screen", &self.screen())
            .finish_non_exhaustive()
    }
}

impl Terminal {
    /// Runs `command` in a terminal of this size, with nothing in its environment but what was set on it.
    /// What was piped or redirected elsewhere must be said by a shell.
    ///
    /// # Panics
    ///
    /// If there is no terminal to be had.
    #[must_use]
    pub fn run(command: &Command, (rows, columns): (u16, u16)) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let slave = OpenOptions::new().read(true).write(true).open(path);
        let slave = slave.expect("its other end opens");
        tcsetwinsize(&slave, size(rows, columns)).expect("it has a size");
        let end = || Stdio::from(slave.try_clone().expect("another handle"));
        // A session of its own, so that Ctrl-C in this terminal reaches the program and nobody else.
        let mut session = Command::new("setsid");
        session
            .arg("--ctty")
            // Who runs tests in the background may ignore Ctrl-C; who sits at a terminal does not.
            .args(["/usr/bin/env", "--default-signal"])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            )
            .stdin(end())
            .stdout(end())
            .stderr(end());
        if let Some(folder) = command.get_current_dir() {
            session.current_dir(folder);
        }
        let child = session.spawn().expect("`setsid` is there");
        drop((session, slave));
        let master = File::from(master);
        let seen = Arc::new(Mutex::new(Seen {
            emulator: vt100::Parser::new(cells(rows), cells(columns), 200),
            bytes: Vec::new(),
        }));
        let is_closed = Arc::new(AtomicBool::new(false));
        let reader = {
            // Nothing is waited for in a read, which nobody could end.
            fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK).expect("it is ours");
            let (mut master, seen) = (master.try_clone().expect("another handle"), seen.clone());
            let is_closed = is_closed.clone();
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                loop {
                    let count = match master.read(&mut buffer) {
                        Ok(count @ 1..) => count,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            if is_closed.load(Ordering::Relaxed) {
                                break;
                            }
                            thread::sleep(TURN);
                            continue;
                        }
                        // An error is how Linux tells that the program has closed its end.
                        _ => break,
                    };
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.emulator.process(&buffer[..count]);
                    seen.bytes.extend_from_slice(&buffer[..count]);
                }
            })
        };
        Self {
            master,
            child,
            seen,
            reader: Some(reader),
            is_closed,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the terminal shows now, as text.
    #[must_use]
    pub fn screen(&self) -> String {
        self.seen().emulator.screen().contents()
    }

    /// Whether the cursor is seen, and the row and column where it is.
    #[must_use]
    pub fn cursor(&self) -> (bool, (u16, u16)) {
        let seen = self.seen();
        let screen = seen.emulator.screen();
        (!screen.hide_cursor(), screen.cursor_position())
    }

    /// All that the program wrote, control sequences and all.
    #[must_use]
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.seen().bytes).into_owned()
    }

    /// Waits until the terminal shows what is `expected`; what it shows then.
    ///
    /// # Panics
    ///
    /// If it never does.
    #[track_caller]
    pub fn until(&self, what: &str, expected: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if expected(&screen) {
                return screen;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "waited in vain until {what}; the terminal shows\n{screen}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Types `keys`.
    ///
    /// # Panics
    ///
    /// If the terminal is gone.
    pub fn press(&mut self, keys: &[u8]) {
        self.master.write_all(keys).expect("the terminal is open");
    }

    /// Gives the terminal another size.
    ///
    /// # Panics
    ///
    /// If the terminal is gone.
    pub fn resize(&self, (rows, columns): (u16, u16)) {
        self.seen()
            .emulator
            .screen_mut()
            .set_size(cells(rows), cells(columns));
        tcsetwinsize(&self.master, size(rows, columns)).expect("the terminal is open");
    }

    /// Whether whole lines are read, and shown while they are typed: what programs find, and must leave.
    ///
    /// # Panics
    ///
    /// If the terminal is gone.
    #[must_use]
    pub fn is_as_it_was(&self) -> bool {
        let modes = tcgetattr(&self.master)
            .expect("the terminal is open")
            .local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Closes the terminal, as whoever closes its window does, and waits for the end of the program.
    ///
    /// # Panics
    ///
    /// If it does not end.
    #[must_use]
    pub fn close(mut self) -> ExitStatus {
        self.is_closed.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it does not panic");
        }
        let null = File::open("/dev/null").expect("it is there");
        drop(mem::replace(&mut self.master, null));
        self.wait()
    }

    /// Asks the program to end, as `kill` does.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn terminate(&self) {
        // `setsid` and `env` have become the program.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a pid"), Signal::TERM).expect("it runs");
    }

    /// Waits for the end of the program, and for all that it wrote.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                if let Some(reader) = self.reader.take() {
                    reader.join().expect("it does not panic");
                }
                return status;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the program does not end: {self:?}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("a terminal has some")
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_a_terminal_and_its_keys() {
        let mut command = Command::new("/bin/sh");
        command.args([
            "-c",
            "stty size; trap 'echo interrupted; exit 7' INT; read line; echo got $line; read line",
        ]);
        command.env("PATH", "/usr/bin:/bin");
        let mut terminal = Terminal::run(&command, (10, 40));
        terminal.until("it tells its size", |screen| screen.contains("10 40"));
        terminal.press(b"word\n");
        terminal.until("it has read", |screen| screen.contains("got word"));
        terminal.press(b"\x03");
        assert_eq!(terminal.wait().code(), Some(7));
        assert!(terminal.screen().contains("interrupted"));
        assert!(terminal.cursor().0);
    }
}
