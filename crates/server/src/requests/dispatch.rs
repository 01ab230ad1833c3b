//! Sends each request, other than storage commands, to the method that executes it.
//!
//! Dialects: an arm for the requests of each.

use slabcore_protocol::{DECODED_KEY_BYTES_MAX, MetaRequest, Reply, Request};
use slabcore_shard::KeyRequest;

use crate::connection::Connection;
use crate::executor::Executor;
use crate::requests::key_requests::RestOfKeys;
use crate::requests::reply_form::ReplyForm;
use crate::settings::close_reason::CloseReason;

impl Connection {
    /// Executes one request. A get that must pause returns where its other keys are. `budget` is
    /// how many further requests may be executed.
    #[inline]
    pub(super) fn request(
        &mut self,
        executor: &mut Executor,
        request: Request<'_>,
        budget: &mut usize,
    ) -> Option<RestOfKeys> {
        match request {
            Request::Get(get) => {
                return self.get(executor, get.keys, get.with_cas, get.exptime, budget);
            }
            Request::Touch { key, exptime, noreply } => {
                self.key_request(
                    executor,
                    &KeyRequest::Touch { key, exptime },
                    ReplyForm::of(noreply),
                );
            }
            Request::Delete { key, noreply } => {
                self.key_request(executor, &KeyRequest::Delete { key }, ReplyForm::of(noreply));
            }
            Request::Arithmetic { key, delta, incr, noreply } => {
                self.key_request(
                    executor,
                    &KeyRequest::Arithmetic { key, delta, incr },
                    ReplyForm::of(noreply),
                );
            }
            Request::Meta(MetaRequest { command, key, flags }) => {
                let mut bytes = [0; DECODED_KEY_BYTES_MAX];
                let key = flags.item_key(key, &mut bytes);
                self.key_request(
                    executor,
                    &KeyRequest::Meta { command, key, flags },
                    ReplyForm::Plain,
                );
            }
            Request::MetaNoop => self.reply(Reply::MetaNoop),
            Request::Version => self.reply(Reply::Version),
            Request::Stats(query) => self.stats(executor, query, None),
            Request::Dump { format, classes, noreply } => {
                self.dump(executor, format, classes, noreply);
            }
            Request::Snapshot { name, noreply } => self.snapshot(executor, name, noreply),
            Request::Watch(streams) => self.watch(executor, streams),
            Request::ServerCommand { command, noreply } => {
                self.server_command(executor, command, noreply);
            }
            Request::Quit => {
                self.set_close_reason(CloseReason::Normal);
                self.close(executor);
            }
            Request::Binary(request) => {
                self.key_request(executor, &KeyRequest::Binary(request), ReplyForm::Plain);
            }
            Request::BinaryServer(echo, request) => {
                self.binary_server_request(executor, echo, request);
            }
        }
        None
    }
}
