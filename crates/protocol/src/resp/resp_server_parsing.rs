//! As `resp_parsing.rs`, of commands for the connection and the server: they have no keys.

use crate::requests::resp_request::{
    ClientRequest, ClientType, CommandRequest, FixedReply, MessageRequest, RespRequest,
};
use crate::resp::resp_arguments::{Parsed, database, flush, integer, is_option, next, one_of};
use crate::resp::resp_command::{Kind, RespCommand};
use crate::resp::resp_refusal::RespRefusal;
use crate::words::integers::strict_64;
use crate::words::resp_version::RespVersion;
use crate::words::resp_words::RespWords;

/// What there is to say about latencies.
const LATENCY_TEXT: &str = "Latencies are not recorded here. The metrics page has them.\n";

/// What there is to say about memory.
const MEMORY_TEXT: &str =
    "Sam, I can't find any memory issue: slabs do not fragment. See stats slabs.\n";

impl RespCommand {
    /// As [`Self::parse`], of commands without keys.
    pub(super) fn parse_connection<'a>(&self, mut words: RespWords<'a>) -> Parsed<'a> {
        Ok(match self.kind {
            Kind::Hello => hello(words)?,
            Kind::Auth => auth(words)?,
            Kind::Ping => match words.len() {
                0 | 1 => RespRequest::Ping(words.next()),
                _ => return Err(RespRefusal::WrongArity(self.name())),
            },
            Kind::Echo => RespRequest::Echo(next(&mut words)),
            Kind::Select => RespRequest::Select(database(next(&mut words))?),
            Kind::Quit => RespRequest::Quit,
            Kind::Reset => RespRequest::Reset,
            Kind::Time => RespRequest::Time,
            Kind::Lastsave => RespRequest::LastSave,
            Kind::Info => RespRequest::Info(words),
            Kind::ConfigGet => RespRequest::ConfigGet(words),
            Kind::ConfigSet if words.len() % 2 == 1 => return Err(RespRefusal::SYNTAX),
            Kind::ConfigSet => RespRequest::ConfigSet(words),
            Kind::ConfigResetstat => RespRequest::ConfigResetStat,
            Kind::ScriptLoad => RespRequest::ScriptLoad(next(&mut words)),
            Kind::ScriptExists => RespRequest::ScriptExists(words),
            Kind::ScriptFlush => flush(words, RespRequest::ScriptFlush, RespRefusal::SCRIPT_FLUSH)?,
            Kind::ClientId
            | Kind::ClientGetname
            | Kind::ClientSetname
            | Kind::ClientSetinfo
            | Kind::ClientInfo
            | Kind::ClientList
            | Kind::ClientReply => RespRequest::Client(self.client(words)?),
            _ => match self.command(words.clone())? {
                Some(request) => RespRequest::Command(request),
                None => match self.message(words.clone())? {
                    Some(request) => RespRequest::Message(request),
                    None => RespRequest::Fixed(self.fixed(words)?),
                },
            },
        })
    }

    /// `COMMAND`, and `HELP` of any command.
    fn command<'a>(
        &self,
        mut words: RespWords<'a>,
    ) -> Result<Option<CommandRequest<'a>>, RespRefusal<'a>> {
        Ok(Some(match self.kind {
            Kind::Command => CommandRequest::All,
            Kind::CommandCount => CommandRequest::Count,
            Kind::CommandInfo if words.len() == 0 => CommandRequest::All,
            Kind::CommandInfo => CommandRequest::Info(words),
            Kind::CommandList => match (words.len(), words.next(), words.next(), words.next()) {
                (0, ..) => CommandRequest::List { pattern: b"*" },
                (3, Some(filter), Some(by), Some(name)) if is_option(filter, b"FILTERBY") => {
                    if is_option(by, b"PATTERN") {
                        CommandRequest::List { pattern: name }
                    } else if is_option(by, b"MODULE") || is_option(by, b"ACLCAT") {
                        // There are none.
                        CommandRequest::List { pattern: b"" }
                    } else {
                        return Err(RespRefusal::SYNTAX);
                    }
                }
                _ => return Err(RespRefusal::SYNTAX),
            },
            Kind::CommandDocs => CommandRequest::Docs,
            Kind::CommandGetkeys => CommandRequest::GetKeys(words),
            _ => match self.name().strip_suffix("|help") {
                Some(container) => CommandRequest::Help(container),
                None => return Ok(None),
            },
        }))
    }

    fn message<'a>(
        &self,
        mut words: RespWords<'a>,
    ) -> Result<Option<MessageRequest<'a>>, RespRefusal<'a>> {
        Ok(Some(match self.kind {
            Kind::Subscribe => MessageRequest::Subscribe(words),
            Kind::Psubscribe => MessageRequest::SubscribePattern(words),
            Kind::Unsubscribe => MessageRequest::Unsubscribe(words),
            Kind::Punsubscribe => MessageRequest::UnsubscribePattern(words),
            Kind::Publish => {
                MessageRequest::Publish { channel: next(&mut words), message: next(&mut words) }
            }
            Kind::PubsubChannels if words.len() > 1 => return Err(self.wrong_arguments()),
            Kind::PubsubChannels => MessageRequest::Channels { pattern: words.next() },
            Kind::PubsubNumsub => MessageRequest::CountSubscribers(words),
            Kind::PubsubNumpat => MessageRequest::CountPatterns,
            _ => return Ok(None),
        }))
    }

    /// Commands whose reply is always the same.
    fn fixed<'a>(&self, mut words: RespWords<'a>) -> Result<FixedReply, RespRefusal<'a>> {
        Ok(match self.kind {
            Kind::Role => FixedReply::Role,
            Kind::Wait => {
                integer(next(&mut words))?;
                // There are no replicas: waiting for some would take all the time there is.
                match strict_64(next(&mut words)) {
                    None => return Err(RespRefusal::TIMEOUT),
                    Some(..0) => return Err(RespRefusal::NEGATIVE_TIMEOUT),
                    Some(_) => FixedReply::Integer(0),
                }
            }
            Kind::Cluster | Kind::Readonly | Kind::Readwrite | Kind::Asking => {
                return Err(RespRefusal::NO_CLUSTER);
            }
            Kind::ClientNoEvict | Kind::ClientNoTouch => {
                one_of(next(&mut words), &[b"on", b"off"])?;
                FixedReply::Ok
            }
            Kind::ClientTracking => match one_of(next(&mut words), &[b"on", b"off"])? {
                0 => return Err(RespRefusal::NO_TRACKING),
                _ => FixedReply::Ok,
            },
            Kind::ClientCaching => return Err(RespRefusal::CACHING_WITHOUT_TRACKING),
            Kind::ClientTrackinginfo => FixedReply::TrackingInfo,
            Kind::ClientGetredir => FixedReply::Integer(-1),
            Kind::ClientUnblock => {
                if words.len() > 2 {
                    return Err(self.wrong_arguments());
                }
                let id = next(&mut words);
                if words.next().is_some_and(|it| one_of(it, &[b"timeout", b"error"]).is_err()) {
                    return Err(RespRefusal::UNBLOCK_REASON);
                }
                integer(id)?;
                // Nothing blocks a client.
                FixedReply::Integer(0)
            }
            Kind::ConfigRewrite => return Err(RespRefusal::NO_CONFIG_FILE),
            Kind::ScriptKill => return Err(RespRefusal::NOT_BUSY),
            Kind::MemoryDoctor => FixedReply::Text(MEMORY_TEXT),
            Kind::LatencyDoctor => FixedReply::Text(LATENCY_TEXT),
            Kind::FunctionFlush if words.len() > 1 => return Err(self.wrong_arguments()),
            Kind::FunctionFlush => {
                if words.next().is_some_and(|it| one_of(it, &[b"async", b"sync"]).is_err()) {
                    return Err(RespRefusal::FUNCTION_FLUSH);
                }
                FixedReply::Ok
            }
            Kind::SlowlogGet if words.len() > 1 => return Err(self.wrong_arguments()),
            Kind::SlowlogGet => match words.next().map(strict_64) {
                None | Some(Some(-1..)) => FixedReply::EmptyArray,
                Some(_) => return Err(RespRefusal::SLOWLOG_COUNT),
            },
            Kind::ClientUnpause | Kind::MemoryPurge | Kind::SlowlogReset => FixedReply::Ok,
            Kind::LatencyLatest | Kind::LatencyHistory => FixedReply::EmptyArray,
            Kind::LatencyHistogram => FixedReply::EmptyMap,
            Kind::SlowlogLen | Kind::LatencyReset => FixedReply::Integer(0),
            Kind::AclWhoami => FixedReply::Bulk("default"),
            _ => return Err(RespRefusal::WrongArity(self.name())),
        })
    }

    fn client<'a>(&self, mut words: RespWords<'a>) -> Result<ClientRequest<'a>, RespRefusal<'a>> {
        Ok(match self.kind {
            Kind::ClientId => ClientRequest::Id,
            Kind::ClientGetname => ClientRequest::GetName,
            Kind::ClientSetname => ClientRequest::SetName(next(&mut words)),
            Kind::ClientSetinfo => {
                ClientRequest::SetInfo { option: next(&mut words), value: next(&mut words) }
            }
            Kind::ClientInfo => ClientRequest::Info,
            Kind::ClientList => return client_list(words),
            _ => match one_of(next(&mut words), &[b"on", b"off", b"skip"])? {
                0 => ClientRequest::ReplyOn,
                1 => ClientRequest::ReplyOff,
                _ => ClientRequest::ReplySkip,
            },
        })
    }

    /// The refusal of a subcommand that has more arguments than it takes, though its arity is open.
    fn wrong_arguments(&self) -> RespRefusal<'static> {
        match self.name().split_once('|') {
            Some((command, name)) => {
                RespRefusal::SubcommandArguments { command, name: name.as_bytes() }
            }
            None => RespRefusal::WrongArity(self.name()),
        }
    }
}

fn hello(mut words: RespWords<'_>) -> Parsed<'_> {
    let mut version = None;
    if let Some(word) = words.next() {
        let number = strict_64(word).ok_or(RespRefusal::PROTO_NUMBER)?;
        version = Some(match number {
            2 => RespVersion::Two,
            3 => RespVersion::Three,
            _ => return Err(RespRefusal::NO_PROTO),
        });
    }
    let (mut login, mut name) = (None, None);
    while let Some(word) = words.next() {
        if is_option(word, b"AUTH") && words.len() >= 2 {
            login = Some((next(&mut words), next(&mut words)));
        } else if is_option(word, b"SETNAME")
            && let Some(value) = words.next()
        {
            if !value.iter().all(u8::is_ascii_graphic) {
                return Err(RespRefusal::CLIENT_NAME);
            }
            name = Some(value);
        } else {
            return Err(RespRefusal::HelloOption(word));
        }
    }
    Ok(RespRequest::Hello { version, login, name })
}

fn auth(mut words: RespWords<'_>) -> Parsed<'_> {
    match (words.next(), words.next(), words.next()) {
        (Some(password), None, _) => Ok(RespRequest::Auth { user: None, password }),
        (user, Some(password), None) => Ok(RespRequest::Auth { user, password }),
        _ => Err(RespRefusal::SYNTAX),
    }
}

fn client_list(mut words: RespWords<'_>) -> Result<ClientRequest<'_>, RespRefusal<'_>> {
    let Some(word) = words.next() else { return Ok(ClientRequest::List(words)) };
    if is_option(word, b"TYPE") && words.len() == 1 {
        let types: [&[u8]; 5] = [b"normal", b"master", b"replica", b"slave", b"pubsub"];
        let named = next(&mut words);
        let index = types.iter().position(|name| is_option(named, name));
        return match index {
            Some(0) => Ok(ClientRequest::ListType(ClientType::Normal)),
            Some(4) => Ok(ClientRequest::ListType(ClientType::Subscriber)),
            Some(_) => Ok(ClientRequest::ListType(ClientType::Server)),
            None => Err(RespRefusal::ClientType(named)),
        };
    }
    if is_option(word, b"ID") && words.len() > 0 {
        let are_numbers = words.clone().all(|word| strict_64(word).is_some());
        return are_numbers.then_some(ClientRequest::List(words)).ok_or(RespRefusal::CLIENT_ID);
    }
    Err(RespRefusal::SYNTAX)
}
