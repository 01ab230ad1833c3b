//! The report of one executor about its connections, for `stats conns`.

use crate::connection::connection_reports::ConnectionReport;
use crate::connection::hub_connection::{HubConnection, Waiting};
use crate::connection::input_state::InputState;
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
        (InputState::Get(_) | InputState::Dump(_), _) | (_, Waiting::Turn) => "conn_parse_cmd",
        (InputState::Request, Waiting::Input) if !output.is_empty() => "conn_parse_cmd",
        (InputState::Request, Waiting::Input) => "conn_read",
    }
}
