//! The process: identity, limits, cores, signals, log output, the service manager, and a new
//! process that takes over.
//!
//! May use: [`crate::refusal`] and the settings of the server. Must not come in: an option, or
//! anything that reads the command line.
//!
//! Start reading at `signals.rs`: it says when the process ends.

mod cores;
mod daemon;
mod inherited_descriptors;
mod log_output;
mod pid_file;
mod privileges;
mod resource_limits;
mod service_notice;
mod signals;
mod successor;
mod takeover_socket;

pub(crate) use self::cores::Cores;
pub(crate) use self::daemon::become_daemon;
pub(crate) use self::inherited_descriptors::InheritedDescriptors;
pub(crate) use self::log_output::LogFormat;
pub(crate) use self::pid_file::PidFile;
pub(crate) use self::privileges::{become_user, identity, needs_low_port, stay_dumpable};
pub(crate) use self::resource_limits::{allow_core_files, allow_locked_memory, allow_open_files};
pub(crate) use self::service_notice::{ServiceNotice, watchdog_interval};
pub(crate) use self::signals::{Order, StartSignals, StopSignals};
pub(crate) use self::successor::{Invoked, Successor, predecessor};
pub(crate) use self::takeover_socket::{TakeoverSocket, ask as ask_to_take_over};
