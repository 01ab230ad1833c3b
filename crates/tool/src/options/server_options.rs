//! Options that say how to reach a server.

use std::env;
use std::fs::File;
use std::io::Read;

use clap::{Arg, ArgMatches};

use crate::limits::FILE_BYTES_MAX;
use crate::link::{Encryption, Login, Server, ServerAddress};

/// The names of one server's options.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerOptions {
    /// Of the argument with its address.
    pub(super) address: &'static str,
    pub(super) user: &'static str,
    pub(super) password_file: &'static str,
    pub(super) tls_ca: &'static str,
    pub(super) tls_name: &'static str,
    /// The variable with the password: a command line can be read by other users.
    pub(super) password_variable: &'static str,
}

/// The options of a command that knows one server.
pub(super) const ONLY_SERVER: ServerOptions = ServerOptions {
    address: "address",
    user: "user",
    password_file: "password-file",
    tls_ca: "tls-ca",
    tls_name: "tls-name",
    password_variable: "SLABCORE_PASSWORD",
};

impl ServerOptions {
    /// The argument with the address.
    pub(super) fn address_argument(self, value_name: &'static str) -> Arg {
        Arg::new(self.address).value_name(value_name).value_parser(ServerAddress::parse)
    }

    /// All options but the address. `whose` follows the words of their help texts.
    pub(super) fn arguments(self, whose: &'static str) -> [Arg; 4] {
        let option = |name: &'static str, value: &'static str, help: &str| {
            Arg::new(name).long(name).value_name(value).help(format!("{help}{whose}"))
        };
        [
            option(self.user, "NAME", "User of a server with -Y"),
            option(self.password_file, "FILE", "File with the user's password").requires(self.user),
            option(self.tls_ca, "FILE", "Use TLS, and trust the certificates in this PEM file"),
            option(self.tls_name, "NAME", "Name in the server's certificate, if it is not HOST")
                .requires(self.tls_ca),
        ]
    }

    /// The server that was named. Reads the files that the options name.
    pub(super) fn server(self, matches: &ArgMatches) -> Result<Server, String> {
        let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
        let address = matches.get_one::<ServerAddress>(self.address).expect("it is required");
        let login = text(self.user).map(|user| self.login(user, text(self.password_file)));
        let encryption = text(self.tls_ca)
            .map(|path| self.encryption(path, text(self.tls_name), address))
            .transpose()?;
        Ok(Server::new(address.clone(), encryption, login.transpose()?))
    }

    fn login(self, user: &str, password_file: Option<&str>) -> Result<Login, String> {
        let password = match password_file {
            Some(path) => {
                String::from_utf8(read(path)?).map_err(|_| format!("{path} is no UTF-8"))?
            }
            None => env::var(self.password_variable).map_err(|_| {
                let Self { user, password_variable, password_file, .. } = self;
                format!("--{user} needs a password in {password_variable} or --{password_file}")
            })?,
        };
        Ok(Login::new(user, &password))
    }

    fn encryption(
        self,
        path: &str,
        name: Option<&str>,
        address: &ServerAddress,
    ) -> Result<Encryption, String> {
        let ServerAddress::Tcp(host, _) = address else {
            let name = self.tls_ca;
            return Err(format!("--{name} is for HOST:PORT: there is no TLS on a Unix socket"));
        };
        Encryption::new(&read(path)?, name.unwrap_or(host))
            .map_err(|error| format!("{path}: {error}"))
    }
}

/// A file that is not larger than [`FILE_BYTES_MAX`].
fn read(path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("{path}: {error}"))?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(format!("{path} is longer than {FILE_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}
