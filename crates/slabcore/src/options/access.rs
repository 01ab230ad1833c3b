//! `-B`, `-S` and `-Y`: the protocol that clients speak, and how they log in.

use std::path::Path;

use slabcore_server::settings::Protocol;
use slabcore_server::{Users, UsersError};

use super::command_line::GivenOptions;
use super::option_values::leading_number;
use crate::refusal::Refusal;

/// The protocol and the users of the server.
#[derive(Debug)]
pub(crate) struct Access {
    pub(super) protocol: Protocol,
    pub(super) sasl: bool,
    pub(super) users: Option<Users>,
}

impl Access {
    /// The protocol in which clients log in; `None` without logins.
    pub(super) fn login_protocol(&self) -> Option<Protocol> {
        self.users.is_some().then_some(self.protocol)
    }
}

/// Checks the options and reads the file of users. `sasl_users` is the file that
/// `MEMCACHED_SASL_PWDB` names; a file of `-Y` is used instead of it.
pub(crate) fn access(given: &GivenOptions, sasl_users: Option<&Path>) -> Result<Access, Refusal> {
    let named = given.last("protocol");
    let protocol = match named {
        None | Some("auto") => Protocol::Auto,
        Some("ascii") => Protocol::Text,
        Some("binary") => Protocol::Binary,
        Some(name) => {
            return Err(Refusal::usage(format!(
                "Invalid value for binding protocol: {name}\n \
                 -- should be one of auto, binary, or ascii"
            )));
        }
    };
    let file = given.last("auth-file").map(Path::new);
    if !given.flag("enable-sasl") {
        return match file {
            Some(_) if named.is_some() && protocol != Protocol::Text => Err(Refusal::usage(
                "ERROR: You cannot allow the BINARY protocol while using ascii authentication \
                 tokens.",
            )),
            Some(file) => {
                refuse_udp(
                    given,
                    "Cannot use UDP with ascii authentication enabled (-U 0 to disable)",
                )?;
                let users = Users::read(file).map_err(|error| refusal(file, &error))?;
                Ok(Access { protocol: Protocol::Text, sasl: false, users: Some(users) })
            }
            None => Ok(Access { protocol, sasl: false, users: None }),
        };
    }
    if named.is_some() && protocol != Protocol::Binary {
        return Err(Refusal::usage("ERROR: You cannot allow the ASCII protocol while using SASL."));
    }
    refuse_udp(given, "ERROR: Cannot enable UDP while using binary SASL authentication.")?;
    let users = match (file, sasl_users) {
        (Some(file), _) => Users::read(file).map_err(|error| refusal(file, &error))?,
        (None, Some(file)) => Users::read_sasl(file).map_err(|error| refusal(file, &error))?,
        (None, None) => {
            return Err(Refusal::usage(
                "-S needs a file of users: name it with -Y or MEMCACHED_SASL_PWDB",
            ));
        }
    };
    Ok(Access { protocol: Protocol::Binary, sasl: true, users: Some(users) })
}

/// Refuses `-U` with this message, before any file is read: a datagram cannot log in.
fn refuse_udp(given: &GivenOptions, message: &str) -> Result<(), Refusal> {
    match given.last("udp-port").map_or(0, leading_number) {
        0 => Ok(()),
        _ => Err(Refusal::usage(message)),
    }
}

/// memcached's message for a file that cannot be read or is malformed.
fn refusal(file: &Path, error: &UsersError) -> Refusal {
    let file = file.display();
    Refusal::bad_option(match error {
        UsersError::Malformed => {
            format!("Authfile [{file}] has a malformed entry. Should be 'user:password'")
        }
        UsersError::Unreadable(error) => {
            format!("Could not open authfile [{file}] for reading, error {error}")
        }
    })
}
