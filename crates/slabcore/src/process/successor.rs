//! A new process of the same program, which is to take over from this one.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// The variable that tells a process that its standard input is the socket to the process from
/// which it takes over.
const VARIABLE: &str = "SLABCORE_TAKE_OVER";

/// What a service manager has told this process alone.
const OWN_VARIABLES: [&str; 4] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"];

/// How this process was started: the same starts another one.
#[derive(Debug)]
pub(crate) struct Invoked {
    /// The program as it was named, not the file that runs: that may have been replaced.
    program: PathBuf,
    words: Vec<OsString>,
    /// Paths in the words begin here. A daemon is elsewhere.
    directory: Option<PathBuf>,
}

impl Invoked {
    /// As these words, of which the first names the program. Must be called before the directory
    /// changes (`-d`).
    pub(crate) fn by(words: &[OsString]) -> Self {
        let directory = env::current_dir().ok();
        let (program, words) = words
            .split_first()
            .map_or_else(Default::default, |(it, rest)| (PathBuf::from(it), rest.to_vec()));
        // A name without a slash is looked for in PATH again.
        let program = match &directory {
            Some(directory) if has_folder(&program) => directory.join(program),
            _ => program,
        };
        Self { program, words, directory }
    }

    /// The program's path.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Starts a process that is to take over, and returns it with the socket to it.
    pub(crate) fn start_successor(&self) -> io::Result<(Successor, UnixStream)> {
        let (own, other) = UnixStream::pair()?;
        let mut command = Command::new(&self.program);
        command.args(&self.words).env(VARIABLE, "1").stdin(Stdio::from(OwnedFd::from(other)));
        for name in OWN_VARIABLES {
            command.env_remove(name);
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        Ok((Successor(command.spawn()?), own))
    }
}

fn has_folder(program: &Path) -> bool {
    program.parent().is_some_and(|folder| !folder.as_os_str().is_empty())
}

/// A process that is to take over.
#[derive(Debug)]
pub(crate) struct Successor(Child);

impl Successor {
    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it, as it has not taken over.
    pub(crate) fn end(mut self) -> Option<ExitStatus> {
        // If it has ended already, this does nothing.
        let _ = self.0.kill();
        self.0.wait().ok()
    }
}

/// The socket to the process that has started this one to take over; `None`: nobody has.
pub(crate) fn predecessor() -> io::Result<Option<UnixStream>> {
    use std::os::fd::AsFd;
    if env::var_os(VARIABLE).is_none() {
        return Ok(None);
    }
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    // The other process notices the end of this one by the end of the last descriptor.
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(Some(UnixStream::from(socket)))
}
