//! `refresh_certs`: a thread reads the files, and clients are answered once that is done. Files may
//! be slow; neither an executor nor its shard waits for them.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use slabcore_shard::ShardId;

use crate::shared::cluster::{Cluster, SharedTls};
use crate::shared::mailbox::Message;
use crate::shared::reload_orders::Asked;

/// Niceness of the thread: clients may order it again and again.
const NICENESS: i32 = 5;

/// Pause before a full mailbox is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Has the files read; the reply comes as [`Message::Reloaded`]. False if no thread can be had.
pub(crate) fn order(cluster: &Arc<Cluster>, tls: &SharedTls, asked: Asked) -> bool {
    let mut orders = tls.reload_orders();
    if !orders.push(asked) {
        return true;
    }
    let shared = Arc::downgrade(cluster);
    let reload = thread::Builder::new().name("slabcore-reload".to_owned());
    let started = reload.spawn(move || obey(&shared)).is_ok();
    if !started {
        orders.take_back();
    }
    started
}

/// Reads the files as often as is ordered, until no order is left.
fn obey(cluster: &Weak<Cluster>) {
    // Without it the thread only competes more.
    let _ = rustix::process::setpriority_process(None, NICENESS);
    while let Some(cluster) = cluster.upgrade()
        && let Some(tls) = &cluster.tls
    {
        let Some(asked) = tls.reload_orders().take() else { return };
        let failure = tls.reload().err().map(|error| format!("{error}\r\n"));
        for Asked { shard, ticket, noreply } in asked {
            let done = if noreply { "" } else { "OK\r\n" };
            let reply = failure.clone().unwrap_or_else(|| done.to_owned());
            answer(&cluster, shard, Message::Reloaded { ticket, reply });
        }
    }
}

/// Leaves the reply in a shard's mailbox, when it has room beside all batches.
fn answer(cluster: &Cluster, shard: ShardId, mut message: Message) {
    let mailbox = &cluster.mailboxes[shard.index()];
    loop {
        if mailbox.takes_connection() {
            match mailbox.hand_over(message) {
                Ok(()) => return,
                Err(refused) => message = refused,
            }
        }
        thread::sleep(RETRY_PAUSE);
    }
}
