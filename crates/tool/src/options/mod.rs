//! The command line.
//!
//! May use: `limits`, `item`, `link`, `transfer`, `file`, `job`. Must not come in: connections that
//! are open.
//!
//! Start reading at `command.rs`.

mod command;
mod copy_options;
mod dump_options;
mod server_options;
mod top_options;
mod transfer_options;

pub(crate) use self::command::command;
pub(crate) use self::copy_options::CopyOptions;
pub(crate) use self::dump_options::{DumpOptions, RestoreOptions};
pub(crate) use self::top_options::{Form, TopOptions};
