//! The command that a request is timed as.
//!
//! Dialects: an arm for the requests of each.

use slabcore_metrics::Command;
use slabcore_protocol::{
    BinaryCommand, BinaryRequest, MetaCommand, Request, RespCommand, StringOperation,
};
use slabcore_shard::KeyRequest;

/// The command of a request for one key.
#[inline]
pub(super) fn command_of_key(request: &KeyRequest<'_>) -> Command {
    match request {
        KeyRequest::Get { exptime, .. } => command_of_get(*exptime),
        KeyRequest::Store { .. } | KeyRequest::TooLarge { .. } => Command::Set,
        KeyRequest::Arithmetic { .. } => Command::Arithmetic,
        KeyRequest::Touch { .. } => Command::Touch,
        KeyRequest::Delete { .. } => Command::Delete,
        KeyRequest::Meta { command, .. } => command_of_meta(*command),
        KeyRequest::Binary(request) => command_of_binary(request),
        KeyRequest::String(request) => command_of_string(&request.operation),
    }
}

/// The command of a request of Redis' dialect for one key.
pub(super) fn command_of_string(operation: &StringOperation<'_>) -> Command {
    match operation {
        StringOperation::Get | StringOperation::Range { .. } | StringOperation::Length => {
            Command::Get
        }
        StringOperation::Set(_) | StringOperation::Append(_) | StringOperation::SetRange { .. } => {
            Command::Set
        }
        StringOperation::Delete | StringOperation::GetDelete => Command::Delete,
        StringOperation::Add(_) | StringOperation::AddDecimal(_) => Command::Arithmetic,
        StringOperation::Expire { .. }
        | StringOperation::Persist
        | StringOperation::GetExpire(_)
        | StringOperation::Touch => Command::Touch,
        _ => Command::Other,
    }
}

/// The command of any request without a value.
pub(super) fn command_of(request: &Request<'_>) -> Command {
    match request {
        Request::Get(get) => command_of_get(get.exptime),
        Request::Touch { .. } => Command::Touch,
        Request::Delete { .. } => Command::Delete,
        Request::Arithmetic { .. } => Command::Arithmetic,
        Request::Meta(meta) => command_of_meta(meta.command),
        Request::Binary(request) => command_of_binary(request),
        _ => Command::Other,
    }
}

/// The command of `get` and `gets`, or with an exptime of `gat` and `gats`.
pub(super) fn command_of_get(exptime: Option<i32>) -> Command {
    if exptime.is_some() { Command::Touch } else { Command::Get }
}

fn command_of_meta(command: MetaCommand) -> Command {
    match command {
        MetaCommand::Get => Command::Get,
        MetaCommand::Delete => Command::Delete,
        MetaCommand::Incr | MetaCommand::Decr => Command::Arithmetic,
        MetaCommand::Debug => Command::Other,
    }
}

#[inline(never)]
fn command_of_binary(request: &BinaryRequest<'_>) -> Command {
    match request.command() {
        BinaryCommand::Get => Command::Get,
        BinaryCommand::GetAndTouch { .. } => Command::Touch,
        BinaryCommand::Delete => Command::Delete,
        BinaryCommand::Arithmetic(_) => Command::Arithmetic,
    }
}

/// The command that a command of Redis' dialect is timed as.
pub(super) fn command_of_redis(command: &RespCommand) -> Command {
    match command.name() {
        "get" | "mget" | "getrange" | "substr" | "strlen" | "exists" => Command::Get,
        "set" | "setex" | "psetex" | "setnx" | "mset" | "msetnx" | "append" | "setrange"
        | "getset" => Command::Set,
        "del" | "unlink" | "getdel" => Command::Delete,
        "incr" | "decr" | "incrby" | "decrby" | "incrbyfloat" => Command::Arithmetic,
        "expire" | "pexpire" | "expireat" | "pexpireat" | "persist" | "touch" | "getex" => {
            Command::Touch
        }
        _ => Command::Other,
    }
}
