//! Redis' dialect on a server without sockets.

use slabcore_protocol::RespCommand;

use super::*;

/// Words after a command's minimum that are tried too.
const MORE_WORDS: usize = 4;

/// Arguments: legal ones for most commands, options of many, keys of both shards.
const ARGUMENTS: [&str; 9] = ["1", "2", "on", "off", "yes", "async", "key", "ON", "get"];

/// `PING`, whose reply shows that the connection goes on, whatever state it is in.
const PING: &str = "client reply on\r\nreset\r\nping\r\n";

/// The replies of a new connection.
fn answer(server: &mut InMemoryServer, input: &str) -> String {
    let connection = server.connect_redis();
    server.receive(connection, input.as_bytes());
    let mut output = Vec::new();
    server.turn(|_, bytes| output.extend_from_slice(bytes));
    server.end_of_input(connection);
    server.turn(|_, _| {});
    String::from_utf8_lossy(&output).into_owned()
}

/// Words with which the command is called: of each number from the smallest on, each argument.
fn lines(command: &RespCommand) -> impl Iterator<Item = String> {
    let name = command.name().replace('|', " ");
    let used = name.split(' ').count();
    let least = command.arity().unsigned_abs() as usize;
    let more = if command.arity() < 0 { MORE_WORDS } else { 0 };
    (least..=least + more).flat_map(move |count| {
        let name = name.clone();
        let arguments = count.saturating_sub(used);
        let tails = ARGUMENTS.map(|argument| format!(" {argument}").repeat(arguments));
        let mixed: Vec<_> = ARGUMENTS.iter().cycle().take(arguments).copied().collect();
        tails
            .into_iter()
            .chain([format!(" {}", mixed.join(" "))])
            .map(move |tail| format!("{name}{tail}\r\n"))
    })
}

/// A command that the table has and the server does not execute would end the process.
#[test]
fn each_command_of_the_table_is_answered() {
    let mut server = InMemoryServer::new(2, 16 << 20, 1).unwrap();
    for command in RespCommand::all().iter().filter(|it| it.name() != "quit") {
        for line in lines(command) {
            let alone = answer(&mut server, &format!("{line}{PING}"));
            assert!(alone.ends_with("+RESET\r\n+PONG\r\n"), "{line}: {alone}");
            let together = format!("multi\r\n{line}set key 1\r\n{line}exec\r\n{PING}");
            let queued = answer(&mut server, &together);
            assert!(queued.ends_with("+RESET\r\n+PONG\r\n"), "in MULTI: {line}: {queued}");
        }
    }
}
