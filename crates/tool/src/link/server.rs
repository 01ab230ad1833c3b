//! A server, and all that is needed to connect to it.

use std::time::Duration;

use super::encryption::Encryption;
use super::login::Login;
use super::server_address::ServerAddress;
use crate::limits::ANSWER_DURATION_MAX;

/// Its address, TLS and login.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    address: ServerAddress,
    encryption: Option<Encryption>,
    login: Option<Login>,
    silence_max: Duration,
}

impl Server {
    /// A server that may be silent for [`ANSWER_DURATION_MAX`].
    pub(crate) fn new(
        address: ServerAddress,
        encryption: Option<Encryption>,
        login: Option<Login>,
    ) -> Self {
        Self { address, encryption, login, silence_max: ANSWER_DURATION_MAX }
    }

    /// The same server with another time for which it may be silent.
    pub(crate) fn with_silence_max(self, silence_max: Duration) -> Self {
        Self { silence_max, ..self }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &ServerAddress {
        &self.address
    }

    pub(super) fn encryption(&self) -> Option<&Encryption> {
        self.encryption.as_ref()
    }

    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// How long one read or write may take.
    pub(super) fn silence_max(&self) -> Duration {
        self.silence_max
    }
}
