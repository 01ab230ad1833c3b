//! The connections of an executor that read messages of other clients.

use std::collections::HashMap;

use crate::connection::ConnectionId;

/// The connections of an executor that read messages of other clients.
#[derive(Debug, Default)]
pub(crate) struct OwnSubscribers {
    /// By the number of the client.
    connections: HashMap<u64, ConnectionId>,
    /// Those with messages to pass on.
    due: Vec<u64>,
}

impl OwnSubscribers {
    /// A connection has subscribed to its first name.
    pub(crate) fn add(&mut self, client: u64, connection: ConnectionId) {
        self.connections.insert(client, connection);
    }

    /// A connection has given up its last name.
    pub(crate) fn remove(&mut self, client: u64) {
        self.connections.remove(&client);
    }

    /// The connection of a client.
    pub(crate) fn find(&self, client: u64) -> Option<ConnectionId> {
        self.connections.get(&client).copied()
    }

    /// True if no client has messages to pass on.
    #[inline]
    pub(crate) fn none_is_due(&self) -> bool {
        self.due.is_empty()
    }

    /// The clients with messages to pass on.
    pub(crate) fn due_mut(&mut self) -> &mut Vec<u64> {
        &mut self.due
    }
}
