//! `refresh_certs`: a thread reads the files, then the clients get their replies. Files may be
//! slow, so no executor reads them.

use std::sync::{Arc, Weak};
use std::thread;

use crate::shared::mailbox::Message;
use crate::shared::reload_requests::ReloadRequest;
use crate::shared::shared_state::{SharedState, SharedTls};

/// Niceness of the thread: clients may start it again and again.
const NICENESS: i32 = 5;

/// Has the files read. The reply comes as [`Message::Answered`]. False if no thread can be started.
pub(crate) fn request(shared: &Arc<SharedState>, tls: &SharedTls, request: ReloadRequest) -> bool {
    let mut requests = tls.reload_requests();
    if !requests.push(request) {
        return true;
    }
    let weak = Arc::downgrade(shared);
    let reload = thread::Builder::new().name("slabcore-reload".to_owned());
    let started = reload.spawn(move || reload_files(&weak)).is_ok();
    if !started {
        requests.take_back();
    }
    started
}

/// Reads the files until no request is left.
fn reload_files(shared: &Weak<SharedState>) {
    // If this fails, the thread only competes more.
    let _ = rustix::process::setpriority_process(None, NICENESS);
    while let Some(shared) = shared.upgrade()
        && let Some(tls) = &shared.tls
    {
        let Some(requests) = tls.reload_requests().take() else { return };
        let failure = tls.reload().err().map(|error| format!("{error}\r\n"));
        for ReloadRequest { shard, ticket, noreply } in requests {
            let done = if noreply { "" } else { "OK\r\n" };
            let reply = failure.clone().unwrap_or_else(|| done.to_owned());
            shared.mailboxes[shard.index()].deliver(Message::Answered { ticket, reply });
        }
    }
}
