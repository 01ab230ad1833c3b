//! Options: the command line, a file of options and the environment, read and checked.
//!
//! What comes out is [`Startup`]: the settings of the server and the life of the process.
//! memcached's options have memcached's defaults, ranges, messages and exit statuses.
//!
//! May use: `process` and [`crate::refusal`]. Must not come in: anything that changes the process
//! or starts the server.
//!
//! Start reading at `startup.rs`; `option_table.rs` and `suboption_table.rs` list the options.

mod access;
mod command_line;
mod config_file;
mod environment;
mod lifecycle;
mod listen;
mod option_table;
mod option_values;
mod sockets;
mod startup;
mod suboption_table;
mod suboptions;
mod tls_suboptions;

pub(crate) use self::access::access;
pub(crate) use self::command_line::{Invocation, parse};
pub(crate) use self::environment::{ENVIRONMENT, warnings as environment_warnings};
pub(crate) use self::lifecycle::{Lifecycle, log_format};
#[cfg(test)]
pub(crate) use self::option_table::{DELIMITER, OPTIONS};
pub(crate) use self::option_table::{completed, described};
pub(crate) use self::startup::{PRODUCT, Startup};
pub(crate) use self::suboption_table::{SUBOPTIONS, SuboptionEffect, SuboptionRow};
pub(crate) use self::tls_suboptions::TLS_SUBOPTIONS;
