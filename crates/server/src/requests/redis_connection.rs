//! Commands of Redis' dialect for the connection: login, protocol version, database, names; and
//! for the scripts that clients have sent.

use slabcore_metrics::Counter;
use slabcore_protocol::{ClientType, RespRefusal, RespVersion, RespWords};

use crate::connection::Connection;
use crate::connection::gather::{Gather, Gathering};
use crate::connection::login::Login;
use crate::connection::redis_clients::RedisClients;
use crate::connection::redis_session::ReplyMode;
use crate::executor::Executor;
use crate::requests::redis_info::REDIS_VERSION;
use crate::settings::close_reason::CloseReason;

/// The user whom a login without a name means.
const DEFAULT_USER: &[u8] = b"default";

impl Connection {
    /// `HELLO`.
    pub(super) fn hello(
        &mut self,
        executor: &mut Executor,
        version: Option<RespVersion>,
        login: Option<(&[u8], &[u8])>,
        name: Option<&[u8]>,
    ) {
        if let Some((user, password)) = login
            && let Err(refusal) = self.log_in_to_redis(executor, user, password)
        {
            return self.refuse_redis(executor, &refusal);
        }
        if self.login.is_due() {
            return self.refuse_redis(executor, &RespRefusal::HELLO_BEFORE_LOGIN);
        }
        let session = self.session();
        if let Some(name) = name {
            session.name = name.to_vec();
        }
        let (version, number) = (version.unwrap_or(session.version), session.number);
        self.change_version(executor, version);
        self.write_redis(|out| {
            out.map_head(7);
            for (name, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
                out.bulk(name.as_bytes());
                out.bulk(value.as_bytes());
            }
            out.bulk(b"proto");
            out.integer(version.number().into());
            out.bulk(b"id");
            out.integer(number.cast_signed());
            for (name, value) in [("mode", "standalone"), ("role", "master")] {
                out.bulk(name.as_bytes());
                out.bulk(value.as_bytes());
            }
            out.bulk(b"modules");
            out.array_head(0);
        });
    }

    /// `AUTH`. Without a user it is the user `default`.
    pub(super) fn auth(&mut self, executor: &mut Executor, user: Option<&[u8]>, password: &[u8]) {
        let is_free = executor.shared.users.is_none();
        let result = match user {
            None if is_free => Err(RespRefusal::NO_PASSWORD_SET),
            Some(DEFAULT_USER) if is_free => Ok(()),
            Some(_) if is_free => Err(RespRefusal::WRONG_PASSWORD),
            _ => self.log_in_to_redis(executor, user.unwrap_or(DEFAULT_USER), password),
        };
        match result {
            Ok(()) => self.write_redis_ok(),
            Err(refusal) => self.refuse_redis(executor, &refusal),
        }
    }

    fn log_in_to_redis(
        &mut self,
        executor: &Executor,
        user: &[u8],
        password: &[u8],
    ) -> Result<(), RespRefusal<'static>> {
        if executor.shared.users.is_none() {
            let is_default = user == DEFAULT_USER;
            return if is_default { Ok(()) } else { Err(RespRefusal::WRONG_PASSWORD) };
        }
        executor.metrics.add(Counter::AuthCmds, 1);
        if executor.shared.admits(user, password) {
            self.login = Login::Done;
            Ok(())
        } else {
            executor.metrics.add(Counter::AuthErrors, 1);
            Err(RespRefusal::WRONG_PASSWORD)
        }
    }

    /// `QUIT`. What follows it is not executed.
    pub(super) fn quit_redis(&mut self, executor: &mut Executor) {
        self.write_redis_ok();
        self.set_close_reason(CloseReason::Normal);
        self.close(executor);
    }

    /// `RESET`.
    pub(super) fn reset_redis(&mut self, executor: &mut Executor) {
        let session = self.session();
        executor.end_subscriptions(session.number, &mut session.subscribed);
        session.reset();
        if executor.shared.users.is_some() {
            self.login = Login::Due;
        }
        self.write_redis(|out| out.status("RESET"));
    }

    /// `CLIENT SETNAME`.
    pub(super) fn set_client_name(&mut self, executor: &Executor, name: &[u8]) {
        if !is_word(name) {
            return self.refuse_redis(executor, &RespRefusal::CLIENT_NAME);
        }
        self.session().name = name.to_vec();
        self.write_redis_ok();
    }

    /// `CLIENT GETNAME`.
    pub(super) fn client_name(&mut self) {
        let name = self.session().name.clone();
        self.write_redis(|out| if name.is_empty() { out.nil() } else { out.bulk(&name) });
    }

    /// `CLIENT SETINFO`.
    pub(super) fn set_client_library(&mut self, executor: &Executor, option: &[u8], value: &[u8]) {
        let is_name = option.eq_ignore_ascii_case(b"lib-name");
        if !is_name && !option.eq_ignore_ascii_case(b"lib-ver") {
            return self.refuse_redis(executor, &RespRefusal::ClientOption(option));
        }
        if !is_word(value) {
            let name = if is_name { "lib-name" } else { "lib-ver" };
            return self.refuse_redis(executor, &RespRefusal::ClientValue(name));
        }
        let session = self.session();
        let field = if is_name { &mut session.library } else { &mut session.library_version };
        *field = value.to_vec();
        self.write_redis_ok();
    }

    /// `CLIENT REPLY`.
    pub(super) fn set_client_replies(&mut self, mode: ReplyMode) {
        let session = self.session();
        let was_off = session.replies == ReplyMode::Off;
        match mode {
            ReplyMode::On => {
                session.replies = ReplyMode::On;
                self.write_redis_ok();
            }
            // It does not turn replies on again.
            ReplyMode::SkipNext if was_off => {}
            mode => session.replies = mode,
        }
    }

    /// `SCRIPT LOAD`.
    pub(super) fn load_script(&mut self, executor: &Executor, script: &[u8]) {
        if let Err(error) = slabcore_script::check(script) {
            self.write_redis_bytes(&error);
            return;
        }
        match executor.shared.redis.scripts.keep(script) {
            (sha, Ok(())) => self.write_redis(|out| out.bulk(sha.as_bytes())),
            (_, Err(_)) => self.refuse_redis(executor, &RespRefusal::SCRIPTS_FULL),
        }
    }

    /// `SCRIPT EXISTS`.
    pub(super) fn scripts_exist(&mut self, executor: &Executor, shas: &RespWords<'_>) {
        let scripts = &executor.shared.redis.scripts;
        self.write_redis(|out| {
            out.array_head(shas.len());
            for sha in shas.clone() {
                out.integer(i64::from(scripts.get(sha).is_some()));
            }
        });
    }

    /// `CLIENT LIST` and `CLIENT INFO`. `chosen`: the clients that are shown; empty: all. `kind`:
    /// the type that is shown; `None`: all.
    pub(super) fn list_clients(
        &mut self,
        executor: &mut Executor,
        chosen: Vec<u64>,
        kind: Option<ClientType>,
    ) {
        let version = self.session().version;
        let gathering = Gathering::RedisClients(Box::new(RedisClients::new(chosen, kind, version)));
        let gather = Gather::new(gathering, executor.router.shards(), None);
        let slot = self.output.open_gather(Box::new(gather), &mut executor.spares);
        let ticket = self.ticket_for(slot);
        executor.report_tickets.push(ticket);
        for shard in executor.other_shards() {
            executor.outboxes.ask_for_report(shard, ticket);
        }
    }
}

/// True if the bytes are visible characters of ASCII, or none.
fn is_word(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_graphic)
}
