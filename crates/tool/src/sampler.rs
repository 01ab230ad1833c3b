//! Takes one sample after the other of a server, over one connection as long as it lasts.

use std::time::Instant;

use crate::link::{Connection, LinkError, Server, ServerAddress};
use crate::report::{Report, Sample};

/// A server and its last sample.
#[derive(Debug)]
pub(crate) struct Sampler {
    server: Server,
    began: Instant,
    connection: Option<Connection>,
    before: Option<Sample>,
}

impl Sampler {
    /// A sampler that is not connected yet.
    pub(crate) fn new(server: Server) -> Self {
        Self { server, began: Instant::now(), connection: None, before: None }
    }

    /// Where it connects to.
    pub(crate) fn address(&self) -> &ServerAddress {
        self.server.address()
    }

    /// What the server says now, with rates since the last report. After an error the next report
    /// connects again.
    pub(crate) fn report(&mut self) -> Result<Report, LinkError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.server)?,
        };
        let replies = connection.ask()?;
        self.connection = Some(connection);
        let now = Sample::new(self.began.elapsed(), replies);
        let report = Report::new(&self.address().to_string(), &now, self.before.as_ref());
        self.before = Some(now);
        Ok(report)
    }
}
