//! The report of one executor about its connections, for `stats conns`.

use crate::connection::connection_reports::ConnectionReport;
use crate::connection::hub_connection::{HubConnection, Waiting};
use crate::connection::input_state::InputState;
use crate::connection::redis_session::{RedisSession, Transaction};
use crate::hub::connections::Connections;
use crate::settings::address::Transport;
use crate::settings::limits::CONNECTIONS_REPORTED_MAX;

/// Describes the connections of an executor at tick `now`.
#[cold]
pub(super) fn report_of(connections: &Connections, now: u32) -> ConnectionReport {
    let left_out = connections.len().saturating_sub(CONNECTIONS_REPORTED_MAX);
    let mut report = ConnectionReport::new(left_out);
    for conn in connections.iter().take(CONNECTIONS_REPORTED_MAX) {
        // The server in memory has connections without a socket.
        if conn.connection.descriptor() >= 0 {
            report.push(conn.connection.descriptor(), &lines_of(conn, now));
        }
        if let Some(session) = &conn.connection.redis {
            report.push_redis(session.number, &redis_line_of(conn, session, now));
        }
    }
    report
}

/// The lines of one connection.
fn lines_of(conn: &HubConnection, now: u32) -> String {
    let descriptor = conn.connection.descriptor();
    let peer = conn.addresses.peer.shown(Transport::Stream);
    let local = conn.addresses.local.shown(Transport::Stream);
    let state = state_name(conn);
    let idle = now.saturating_sub(conn.last_request);
    format!(
        "STAT {descriptor}:addr {peer}\r\nSTAT {descriptor}:listen_addr {local}\r\n\
         STAT {descriptor}:state {state}\r\nSTAT {descriptor}:secs_since_last_cmd {idle}\r\n"
    )
}

/// The line of a connection that speaks Redis' dialect, in Redis' words. What does not exist here
/// is left out.
fn redis_line_of(conn: &HubConnection, session: &RedisSession, now: u32) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (queued, unsent) = (conn.carry.pending().len(), conn.connection.output.memory_bytes());
    let free = conn.carry.memory_bytes() - queued;
    let flags = match (&session.transaction, conn.connection.is_closing()) {
        (_, true) => "c",
        _ if !session.subscribed.is_empty() => "P",
        (Some(_), false) => "x",
        (None, false) => "N",
    };
    let commands = session.transaction.as_ref().map_or(-1, |it| it.len() as i64);
    let transaction_bytes = session.transaction.as_ref().map_or(0, Transaction::memory_bytes);
    let total = queued + free + unsent + transaction_bytes + size_of::<RedisSession>();
    format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={flags} db={} sub={} psub={} \
         ssub=0 multi={commands} watch={} qbuf={queued} qbuf-free={free} \
         multi-mem={transaction_bytes} obl={unsent} oll=0 omem={unsent} tot-mem={total} events=r \
         cmd={} user=default redir=-1 resp={} lib-name={} lib-ver={}\n",
        session.number,
        conn.addresses.peer.in_redis_form(),
        conn.addresses.local.in_redis_form(),
        conn.connection.descriptor(),
        text(&session.name),
        now.saturating_sub(session.begun),
        now.saturating_sub(conn.last_request),
        session.database,
        session.subscribed.channels(),
        session.subscribed.patterns(),
        session.watched.len(),
        session.last_command,
        session.version.number(),
        text(&session.library),
        text(&session.library_version),
    )
}

/// memcached's name of a connection's state.
fn state_name(conn: &HubConnection) -> &'static str {
    let output = &conn.connection.output;
    match (conn.connection.input(), conn.waiting) {
        (InputState::Closing, _) => "conn_closing",
        (InputState::Watching(_), _) => "conn_watch",
        (InputState::Upload(_), _) => "conn_nread",
        (InputState::Ignored(_), _) => "conn_swallow",
        (_, Waiting::OutputSpace) if output.has_gathers() => "conn_parse_cmd",
        (_, Waiting::OutputSpace) => "conn_mwrite",
        (_, Waiting::Quiet | Waiting::Departure) => "conn_waiting",
        (InputState::Get(_) | InputState::Values(_) | InputState::Dump(_), _)
        | (_, Waiting::Turn) => "conn_parse_cmd",
        (InputState::Request, Waiting::Input) if !output.is_empty() => "conn_parse_cmd",
        (InputState::Request, Waiting::Input) => "conn_read",
    }
}
