//! Connections that leave the process, because another one takes over.
//!
//! All of an executor's connections leave together, once each is between two requests, or after a
//! short time wherever it is. Nothing further is executed for them then. What has not left by
//! then, or is not executed, goes with them as bytes.

use std::os::fd::OwnedFd;
use std::time::Instant;

use crate::connection::connection_record::{ConnectionRecord, InputPlace};
use crate::connection::hub_connection::{HubConnection, Waiting};
use crate::connection::input_state::{InputState, Upload};
use crate::executor::Executor;
use crate::hub::connections::Connections;
use crate::settings::limits::{HAND_OVER_PATIENCE, RECORD_BYTES_MAX, SEND_VALUE_BYTES_MAX};
use crate::shared::hand_over::Departed;

/// The state of a hub whose connections leave the process.
#[derive(Debug, Default)]
pub(super) struct HandingOver {
    /// Until when connections may end what they are at. `None`: connections stay.
    until: Option<Instant>,
}

impl HandingOver {
    /// Has all connections leave from now on.
    pub(super) fn begin(&mut self) {
        self.until = Some(Instant::now() + HAND_OVER_PATIENCE);
    }

    /// Has connections stay from now on.
    pub(super) fn end(&mut self) {
        self.until = None;
    }

    /// True while connections leave.
    #[inline]
    pub(super) fn is_under_way(&self) -> bool {
        self.until.is_some()
    }

    /// Stops the execution of connections that are between two requests. Lets all go once nothing
    /// is under way.
    #[cold]
    pub(super) fn prepare(&self, executor: &mut Executor, connections: &mut Connections) {
        let Some(until) = self.until else { return };
        let is_late = Instant::now() >= until;
        let indices = connections.indices();
        let mut all_quiet = executor.outboxes.are_all_quiet();
        for &index in &indices {
            let Some(conn) = connections.get_mut(index) else { continue };
            // It ends here: only this process can encrypt for it.
            if conn.tls.is_some() {
                continue;
            }
            if !conn.waiting.is_leaving() && (may_leave(conn) || is_late) {
                if conn.connection.is_dumping() {
                    // What it has shown cannot move. It closes after that.
                    conn.connection.close(executor);
                }
                conn.waiting = Waiting::Quiet;
                connections.touch(index);
            }
            all_quiet &= connections.get(index).is_some_and(|it| is_quiet(it, is_late));
        }
        if !all_quiet {
            return;
        }
        for index in indices {
            if let Some(conn) = connections.get_mut(index)
                && conn.waiting == Waiting::Quiet
            {
                conn.waiting = Waiting::Departure;
                connections.touch(index);
            }
        }
    }

    /// Gives back what the connections that stay here hold in shards, and the values that the shard
    /// is being sent.
    pub(super) fn release_all(executor: &mut Executor, connections: &mut Connections) {
        for index in connections.indices() {
            let Some(conn) = connections.get_mut(index) else { continue };
            if conn.connection.is_uploading() {
                // The shard ends all uploads.
                conn.connection.close_input();
            }
            conn.connection.end(executor);
        }
        let requests = executor.shards.own_mut().take_uploads();
        executor.shared.hand_over.put_cut_requests(requests);
        executor.upload_numbers.clear();
    }

    /// Takes a connection out of its executor. Its driver has given up its socket.
    pub(super) fn depart(
        executor: &mut Executor,
        connections: &mut Connections,
        index: u32,
        socket: OwnedFd,
    ) {
        let mut conn = connections.remove(executor, index);
        let (record, upload) = record_of(executor, &mut conn);
        conn.connection.output.return_buffers(&mut executor.spares);
        executor.spares.put(conn.carry.take_bytes());
        if record.fits() {
            executor.shared.hand_over.put(Departed { socket, record, upload });
        } else {
            // It is owed too much: its socket is closed here.
            conn.connection.end(executor);
            executor.shared.admission.connection_ended();
        }
    }
}

/// True if a connection may leave at once: it is where only more input, or its turn, is awaited.
fn may_leave(conn: &HubConnection) -> bool {
    let connection = &conn.connection;
    connection.is_at_request()
        || connection.is_watching()
        || connection.is_ignoring()
        || connection.is_uploading()
}

/// True if nothing is under way in a connection's name. `is_late`: output does not count.
fn is_quiet(conn: &HubConnection, is_late: bool) -> bool {
    let output = &conn.connection.output;
    conn.waiting.is_leaving() && !output.is_missing_replies() && (is_late || output.is_empty())
}

fn record_of(
    executor: &mut Executor,
    conn: &mut HubConnection,
) -> (ConnectionRecord, Option<Upload>) {
    let mut cut = None;
    conn.connection.pass_on_all_messages(executor);
    let output = unsent_bytes(executor, conn);
    let connection = &mut conn.connection;
    let (home, number) = (executor.shard.index() as u32, connection.affinity.number());
    let place = match connection.close_input() {
        InputState::Request => InputPlace::Request,
        InputState::Get(get) => InputPlace::Get(get),
        InputState::Values(keys) => InputPlace::Values(keys),
        InputState::Ignored(ignored) => ignored.into_place(),
        InputState::Watching(id) => {
            let streams = executor.shared.watchers.streams_of(id);
            executor.end_watching(id);
            InputPlace::Watching(streams)
        }
        InputState::Upload(upload) => {
            cut = Some(upload);
            InputPlace::Request
        }
        InputState::Closing => InputPlace::Closing,
        InputState::Dump(_) => unreachable!("it has ended"),
    };
    let (protocol, login) = (connection.decoder.protocol(), connection.login);
    let mut redis = Vec::new();
    if let Some(session) = &mut connection.redis {
        session.encode(&mut redis);
        executor.end_subscriptions(session.number, &mut session.subscribed);
    }
    let input = conn.carry.pending().to_vec();
    (ConnectionRecord { home, number, protocol, login, place, redis, input, output }, cut)
}

/// Copies what a connection is still owed, up to one send more than may be handed over.
fn unsent_bytes(executor: &mut Executor, conn: &mut HubConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    let output = &mut conn.connection.output;
    while output.can_send() && bytes.len() <= RECORD_BYTES_MAX {
        let outgoing = output.take(&mut executor.spares, SEND_VALUE_BYTES_MAX);
        outgoing.append_to(&mut bytes);
        executor.spares.put(outgoing.replies);
        output.all_sent();
        if let Some(parts) = outgoing.parts {
            executor.parts_sent(output, parts);
        }
    }
    bytes
}
