//! A stopped thread of a child process, which looks stuck to others.

use std::fs;

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// A thread that is stopped as by a debugger, until this is dropped by the thread that created it.
#[derive(Debug)]
pub struct StoppedThread(Pid);

impl StoppedThread {
    /// Stops the oldest thread whose name begins with `name`. Panics if there is none, or if
    /// debugging is forbidden.
    pub fn stop(process: u32, name: &str) -> Self {
        let thread = thread_of(process, name)
            .unwrap_or_else(|| panic!("process {process} has no thread {name}"));
        ptrace::seize(thread, ptrace::Options::empty()).expect("the thread can be seized");
        ptrace::interrupt(thread).expect("the thread can be interrupted");
        waitpid(thread, Some(WaitPidFlag::__WALL)).expect("the thread stops");
        Self(thread)
    }
}

impl Drop for StoppedThread {
    fn drop(&mut self) {
        // Its process may have ended.
        let _ = ptrace::detach(self.0, None);
    }
}

/// The oldest thread of a process whose name begins with `name`.
pub fn thread_of(process: u32, name: &str) -> Option<Pid> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let ids = threads.flatten().filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
    let is_named = |id: &i32| {
        fs::read_to_string(format!("/proc/{process}/task/{id}/comm"))
            .is_ok_and(|found| found.starts_with(name))
    };
    ids.filter(is_named).min().map(Pid::from_raw)
}
