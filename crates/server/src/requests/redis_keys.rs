//! Commands of Redis' dialect for keys: they are executed here, or sent to the shards that own the
//! keys.

use slabcore_metrics::Command;
use slabcore_protocol::{
    KEY_BYTES_MAX, NewExpiry, RespWords, RespWriter, SetCondition, SetReply, StringOperation,
    StringRequest, StringSet,
};
use slabcore_shard::{ForwardedRequest, KeyRequest, LargeHit, Route, ValueEnd};

use crate::connection::Connection;
use crate::connection::gather::{Gather, Gathering};
use crate::executor::Executor;
use crate::executor::shards::ShardSet;
use crate::requests::key_group::next_group;
use crate::requests::redis_progress::RedisProgress;
use crate::requests::reply_form::ReplyForm;
use crate::settings::limits::{KEYS_PER_SERVING_MAX, OPEN_SLOTS_MAX};

impl Connection {
    /// Executes a command for one key.
    pub(super) fn string_request(
        &mut self,
        executor: &mut Executor,
        key: &[u8],
        operation: StringOperation<'_>,
    ) {
        let (request, form) = self.string_request_of(key, operation);
        let route = executor.router.route_in(request.database, key);
        self.routed_request(executor, route, &KeyRequest::String(request), form);
    }

    pub(super) fn string_request_of<'a>(
        &mut self,
        key: &'a [u8],
        operation: StringOperation<'a>,
    ) -> (StringRequest<'a>, ReplyForm) {
        let session = self.session();
        let (database, version) = (session.database, session.version);
        let form = if session.wants_reply() { ReplyForm::Plain } else { ReplyForm::Nothing };
        (StringRequest { key, database, version, operation }, form)
    }

    /// Executes a `GET`. Not inline, so that other dialects do not pay for it.
    #[inline(never)]
    pub(super) fn plain_redis_get(&mut self, executor: &mut Executor, route: Route<'_>) {
        let is_usual = self.session().wants_reply() && executor.watched.is_empty();
        if !is_usual || route.key.key().len() > KEY_BYTES_MAX {
            return self.string_request(executor, route.key.key(), StringOperation::Get);
        }
        let now = executor.now;
        let version = self.session().version;
        if let Some(shard) = executor.reach(route.shard) {
            let Some(out) = self.output.direct() else {
                return self.string_request(executor, route.key.key(), StringOperation::Get);
            };
            let large = shard.resp_get_into(now, route.key, version, out);
            let Some(LargeHit { value_bytes, .. }) = large else { return };
            self.large_value(executor, route, ValueEnd::LineEnd, |out| {
                RespWriter::new(out, version).bulk_head(value_bytes);
            });
        } else {
            let ticket = self.open_read(executor);
            let request = ForwardedRequest::PlainRespGet(route.key, version);
            executor.outboxes.push(route.shard, &request, Some(ticket));
        }
    }

    /// `MGET`. `is_input`: the keys are in the connection's input, so it may pause.
    pub(super) fn get_values(
        &mut self,
        executor: &mut Executor,
        keys: RespWords<'_>,
        is_input: bool,
        budget: &mut usize,
    ) -> RedisProgress {
        let count = keys.len();
        self.write_redis(|out| out.array_head(count));
        self.rest_of_values(executor, keys, is_input, budget)
    }

    /// Goes on with an `MGET`, of which so many keys are left. Returns the bytes consumed.
    pub(super) fn go_on_with_values(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        keys: usize,
        budget: &mut usize,
    ) -> usize {
        let words = RespWords::of_bulks(input, keys);
        self.end_request();
        let mut end = words.clone();
        end.by_ref().for_each(drop);
        match self.rest_of_values(executor, words, true, budget) {
            RedisProgress::Paused(rest) => {
                self.pause_values(rest.keys);
                rest.address - input.as_ptr().addr()
            }
            RedisProgress::Done | RedisProgress::Waits => {
                executor.times.count(Command::Get);
                input.len() - end.bulks().len()
            }
        }
    }

    fn rest_of_values(
        &mut self,
        executor: &mut Executor,
        mut keys: RespWords<'_>,
        is_input: bool,
        budget: &mut usize,
    ) -> RedisProgress {
        let database = self.session().database;
        let mut asked = 0;
        loop {
            let mut left = keys.clone();
            let group =
                next_group(executor, &mut keys, |router, key| router.route_in(database, key));
            for &route in &group {
                if is_input && self.output.is_owed_values() {
                    return RedisProgress::paused(&left);
                }
                self.plain_redis_get(executor, route);
                left.next();
            }
            asked += group.len();
            executor.give_back();
            if keys.len() == 0 {
                return RedisProgress::Done;
            }
            let is_spent = asked >= KEYS_PER_SERVING_MAX || *budget == 0;
            let is_full = self.output.is_full() || executor.outboxes.is_any_full();
            if is_input && (is_spent || is_full) {
                return RedisProgress::paused(&keys);
            }
            *budget = budget.saturating_sub(1);
        }
    }

    /// A command that counts keys: `DEL`, `EXISTS`, ...
    pub(super) fn count_keys(
        &mut self,
        executor: &mut Executor,
        keys: &RespWords<'_>,
        operation: StringOperation<'_>,
    ) -> RedisProgress {
        let requests = keys.clone().map(|key| (key, operation));
        self.for_keys(executor, keys.len(), Gathering::Count(0), requests)
    }

    /// `MSET`.
    pub(super) fn set_keys(
        &mut self,
        executor: &mut Executor,
        pairs: &RespWords<'_>,
    ) -> RedisProgress {
        let mut words = pairs.clone();
        let requests = std::iter::from_fn(move || {
            let (key, value) = (words.next()?, words.next()?);
            Some((key, plain_set(value)))
        });
        self.for_keys(executor, pairs.len() / 2, Gathering::Stored(None), requests)
    }

    /// Executes requests for several keys, whose replies become one.
    fn for_keys<'a>(
        &mut self,
        executor: &mut Executor,
        keys: usize,
        gathering: Gathering,
        requests: impl Iterator<Item = (&'a [u8], StringOperation<'a>)> + Clone,
    ) -> RedisProgress {
        if keys <= OPEN_SLOTS_MAX || executor.is_exclusive() {
            self.gather_keys(executor, gathering, requests);
            return RedisProgress::Done;
        }
        // So many requests are not sent: this executor takes the shards.
        if self.output.is_missing_replies() {
            return RedisProgress::Waits;
        }
        let mut shards = ShardSet::default();
        let database = self.session().database;
        for (key, _) in requests.clone() {
            shards.add(executor.router.route_in(database, key).shard);
        }
        executor.exclusively(shards, |executor| self.gather_keys(executor, gathering, requests));
        RedisProgress::Done
    }

    fn gather_keys<'a>(
        &mut self,
        executor: &mut Executor,
        gathering: Gathering,
        requests: impl Iterator<Item = (&'a [u8], StringOperation<'a>)>,
    ) {
        let now = executor.now;
        let mut gather = Some(Box::new(Gather::new(gathering, 1, None)));
        let (mut slot, mut reply) = (None, Vec::new());
        for (key, operation) in requests {
            let (request, _) = self.string_request_of(key, operation);
            let route = executor.router.route_in(request.database, key);
            if !executor.watched.is_empty() {
                self.announce(executor, route, &KeyRequest::String(request));
            }
            if let Some(shard) = executor.reach(route.shard) {
                reply.clear();
                shard.execute_string(now, route.key, &request).encode(&mut reply);
                let gather = match (&mut gather, slot) {
                    (Some(gather), _) => gather,
                    (None, Some(slot)) => self.output.gather_mut(slot).expect("it is under way"),
                    (None, None) => unreachable!("a gather is here or in its slot"),
                };
                gather.add_part(&reply);
            } else {
                let number = *slot.get_or_insert_with(|| {
                    let gather = gather.take().expect("it is put into a slot once");
                    self.output.open_gather(gather, &mut executor.spares)
                });
                self.output.gather_mut(number).expect("it is under way").expect_part();
                let ticket = self.ticket_for(number);
                let request = ForwardedRequest::Key(route.key, KeyRequest::String(request));
                executor.outboxes.push(route.shard, &request, Some(ticket));
            }
        }
        executor.give_back();
        // This executor's part ends.
        match (gather, slot) {
            (Some(gather), _) => {
                let mut reply = Vec::new();
                gather.encode_redis(&mut reply);
                self.write_redis_bytes(&reply);
            }
            (None, Some(slot)) => {
                let gather = self.output.gather_mut(slot).expect("it is under way");
                let ended = gather.end_part();
                debug_assert!(!ended, "other shards have not answered yet");
            }
            (None, None) => unreachable!("a gather is here or in its slot"),
        }
    }
}

/// `SET` without options.
pub(super) fn plain_set(value: &[u8]) -> StringOperation<'_> {
    StringOperation::Set(StringSet {
        value,
        condition: SetCondition::Always,
        expiry: NewExpiry::Never,
        reply: SetReply::Status,
    })
}
