//! Questions to all shards, whose answers become one reply.
//!
//! Dialects: the echo of a binary request whose reply waits for all shards.

use slabcore_protocol::Echo;
use slabcore_shard::{ForwardedRequest, ShardCommand, ShardQuery};

use crate::connection::Connection;
use crate::connection::gather::{Gather, Gathering};
use crate::executor::Executor;
use crate::requests::gathered_replies::gathered_reply;

impl Connection {
    /// Asks all other shards. `ours` is the answer of this executor's shard.
    pub(super) fn gather(
        &mut self,
        executor: &mut Executor,
        gather: Gather,
        request: &ForwardedRequest<'_>,
        ours: &[u8],
    ) {
        let mut gather = Box::new(gather);
        if gather.add(executor.shard, ours) {
            let reply = gathered_reply(&gather, executor);
            self.output.encode(|out| out.extend_from_slice(&reply));
            return;
        }
        let slot = self.output.open_gather(gather, &mut executor.spares);
        let ticket = self.ticket_for(slot);
        for shard in executor.other_shards() {
            executor.outboxes.push(shard, request, Some(ticket));
        }
    }

    /// Asks all shards, this executor's too. `echo` is that of a binary request.
    pub(super) fn gather_answers(
        &mut self,
        executor: &mut Executor,
        gathering: Gathering,
        query: ShardQuery,
        echo: Option<Echo>,
    ) {
        let mut ours = Vec::new();
        executor.shards.own().answer(executor.now, query, &mut ours);
        let gather = Gather::new(gathering, executor.router.shards(), echo);
        self.gather(executor, gather, &ForwardedRequest::Query(query), &ours);
    }

    /// Commands all shards, this executor's too. `echo` is that of a binary request.
    pub(super) fn command_shards(
        &mut self,
        executor: &mut Executor,
        gathering: Gathering,
        command: ShardCommand,
        echo: Option<Echo>,
    ) {
        let mut ours = Vec::new();
        executor.shards.own_mut().execute_command(executor.now, command, &mut ours);
        let gather = Gather::new(gathering, executor.router.shards(), echo);
        self.gather(executor, gather, &ForwardedRequest::Command(command), &ours);
    }

    /// Has all executors turn once. Replies `OK` then, unless no reply is wanted.
    pub(super) fn have_all_turn(&mut self, executor: &mut Executor, noreply: bool) {
        let command = ShardCommand::TakeTurn;
        if noreply {
            send_to_others(executor, &ForwardedRequest::Command(command));
        } else {
            self.command_shards(executor, Gathering::Done, command, None);
        }
    }
}

/// Sends a request to all other shards, without waiting for replies.
pub(super) fn send_to_others(executor: &mut Executor, request: &ForwardedRequest<'_>) {
    for shard in executor.other_shards() {
        executor.outboxes.push(shard, request, None);
    }
}
