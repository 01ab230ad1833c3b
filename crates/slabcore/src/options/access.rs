//! `-B`, `-S` and `-Y`: what clients may speak, and who they must be.

use std::path::Path;

use slabcore_server::settings::Protocol;
use slabcore_server::{Users, UsersError};

use super::command_line::Given;
use super::option_values::leading_number;
use crate::refusal::Refusal;

/// Who may use the server.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) protocol: Protocol,
    pub(crate) sasl: bool,
    pub(crate) users: Option<Users>,
}

impl Access {
    /// The one protocol in which clients log in; `None` if nobody needs to.
    pub(crate) fn login_protocol(&self) -> Option<Protocol> {
        self.users.is_some().then_some(self.protocol)
    }
}

/// Checks the options. `sasl_users` is the file that `MEMCACHED_SASL_PWDB` names; that of `-Y` goes
/// before it.
pub(crate) fn access(given: &Given, sasl_users: Option<&Path>) -> Result<Access, Refusal> {
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
                "-S needs users: name their file by -Y or MEMCACHED_SASL_PWDB",
            ));
        }
    };
    Ok(Access { protocol: Protocol::Binary, sasl: true, users: Some(users) })
}

/// A datagram cannot log in: refuses `-U` in these words, before any file is looked for.
fn refuse_udp(given: &Given, message: &str) -> Result<(), Refusal> {
    match given.last("udp-port").map_or(0, leading_number) {
        0 => Ok(()),
        _ => Err(Refusal::usage(message)),
    }
}

/// memcached's words for a file that is no good.
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
