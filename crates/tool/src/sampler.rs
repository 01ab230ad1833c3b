//! Takes one sample after the other of a server, over one connection as long as it lasts.

use std::time::Instant;

use crate::link::{Connection, Encryption, LinkError, Login, ServerAddress};
use crate::report::{Report, Sample};

/// A server, how to reach it, and the last sample.
#[derive(Debug)]
pub(crate) struct Sampler {
    address: ServerAddress,
    encryption: Option<Encryption>,
    login: Option<Login>,
    began: Instant,
    connection: Option<Connection>,
    before: Option<Sample>,
}

impl Sampler {
    /// A sampler that is not connected yet.
    pub(crate) fn new(
        address: ServerAddress,
        encryption: Option<Encryption>,
        login: Option<Login>,
    ) -> Self {
        let began = Instant::now();
        Self { address, encryption, login, began, connection: None, before: None }
    }

    /// Where it connects to.
    pub(crate) fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// What the server says now, with rates since the last report. After an error the next report
    /// connects again.
    pub(crate) fn report(&mut self) -> Result<Report, LinkError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.address, self.encryption.as_ref(), self.login.as_ref())?,
        };
        let replies = connection.ask()?;
        self.connection = Some(connection);
        let now = Sample::new(self.began.elapsed(), replies);
        let report = Report::new(&self.address.to_string(), &now, self.before.as_ref());
        self.before = Some(now);
        Ok(report)
    }
}
