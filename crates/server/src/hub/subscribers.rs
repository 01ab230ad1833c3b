//! A hub's part in messages between clients: it passes them on to its connections.

use crate::executor::Executor;
use crate::hub::connections::Connections;

/// Passes on messages to the connections of this executor.
#[inline]
pub(super) fn serve_subscribers(executor: &mut Executor, connections: &mut Connections) {
    if have_messages_come(executor) || !executor.subscribers.none_is_due() {
        pass_on_messages(executor, connections);
    }
}

/// True if messages have come for a connection of this executor.
#[inline]
pub(super) fn have_messages_come(executor: &Executor) -> bool {
    executor.shared.redis.subscriptions.is_pending(executor.shard.index())
}

#[cold]
fn pass_on_messages(executor: &mut Executor, connections: &mut Connections) {
    let mut due = std::mem::take(executor.subscribers.due_mut());
    executor.shared.redis.subscriptions.take_pending(executor.shard.index(), &mut due);
    due.retain(|client| {
        let Some(id) = executor.subscribers.find(*client) else { return false };
        let Some(conn) = connections.find_mut(id) else { return false };
        let is_due = conn.connection.pass_on_messages(executor);
        connections.touch(id.index);
        is_due
    });
    *executor.subscribers.due_mut() = due;
}
