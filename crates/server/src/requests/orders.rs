//! Orders to the server as a whole, as a connection executes them.

use std::sync::Arc;

use rustix::process::{Signal, getpid, kill_process};
use slabcore_protocol::{Reply, RunTimeSetting, ServerOrder, error_lines};
use slabcore_shard::{ForwardedRequest, StatsKind};
use slabcore_storage::Reassigned;

use crate::connection::Connection;
use crate::connection::gather::{Gather, Gathering};
use crate::executor::Executor;
use crate::settings::peer::CloseReason;
use crate::shared::certificate_reload;
use crate::shared::memory_limit;
use crate::shared::reload_orders::Asked;

/// Stands for the slab class that has most pages.
const ANY_CLASS: i32 = -1;

/// What a client hears: `OK`, an error line, or nothing for now.
type Answer = Result<Option<Reply>, &'static [u8]>;

impl Connection {
    /// Executes an order.
    #[cold]
    pub(crate) fn order(&mut self, executor: &mut Executor, order: ServerOrder, noreply: bool) {
        match self.obey(executor, order, noreply) {
            Ok(Some(reply)) if !noreply => self.reply(reply),
            Err(error) if !noreply => self.reply(Reply::Error(error)),
            _ => {}
        }
    }

    fn obey(&mut self, executor: &mut Executor, order: ServerOrder, noreply: bool) -> Answer {
        let run_time = &executor.cluster.run_time;
        let settings = &executor.cluster.settings;
        match order {
            ServerOrder::Dump(format, classes) => {
                self.begin_dump(executor, format, classes)?;
                executor.shards.own_mut().count_started_crawl();
                return Ok(None);
            }
            ServerOrder::Crawl(classes) => {
                if !run_time.crawls() {
                    return Err(error_lines::CRAWLER_DISABLED);
                }
                classes?;
                executor.shards.own_mut().count_started_crawl();
                // What has expired is taken back in the background of any turn, also where that
                // rests.
                self.have_all_turn(executor, noreply);
                return Ok(None);
            }
            ServerOrder::EnableCrawler(enable) => {
                return self.enable_crawler(executor, enable, noreply);
            }
            // memcached's maintainer obeys these.
            ServerOrder::Set(RunTimeSetting::Segmented(_) | RunTimeSetting::TemporaryTtl(_))
                if !settings.lru_maintainer =>
            {
                return Err(error_lines::ERROR);
            }
            ServerOrder::Set(setting @ RunTimeSetting::TemporaryTtl(_)) => {
                run_time.keep(setting);
                self.have_all_turn(executor, noreply);
                return Ok(None);
            }
            ServerOrder::Set(setting) => run_time.keep(setting),
            ServerOrder::ExternalStorage(setting) => run_time.keep_external(setting),
            ServerOrder::RefreshCertificates => {
                self.refresh_certificates(executor, noreply);
                return Ok(None);
            }
            ServerOrder::Watch(streams) => self.begin_watching(executor, streams)?,
            ServerOrder::MemoryLimit(megabytes) => {
                memory_limit::change(&executor.cluster, megabytes)?;
            }
            ServerOrder::Reassign { .. } | ServerOrder::UnreadableReassign
                if !settings.slab_reassign =>
            {
                return Err(error_lines::REASSIGN_DISABLED);
            }
            ServerOrder::UnreadableReassign => return Err(error_lines::BAD_FORMAT),
            ServerOrder::Reassign { from, to } => {
                return self.reassign(executor, from, to, noreply);
            }
        }
        Ok(Some(Reply::Ok))
    }

    /// `refresh_certs`: the reply comes once a thread has read the files. As in memcached `noreply`
    /// does not hide a failure.
    fn refresh_certificates(&mut self, executor: &mut Executor, noreply: bool) {
        let cluster = Arc::clone(&executor.cluster);
        let Some(tls) = cluster.tls.as_ref() else {
            return self.reply(Reply::Error(error_lines::TLS_NOT_ENABLED));
        };
        let ticket = self.open_ticket(executor);
        let asked = Asked { shard: executor.index, ticket, noreply };
        if !certificate_reload::order(&cluster, tls, asked) {
            self.output.fill(ticket.slot, error_lines::OUT_OF_MEMORY, &mut executor.spares);
        }
    }

    /// `lru_crawler enable` and `disable`: all executors have seen it when `OK` is said.
    fn enable_crawler(&mut self, executor: &mut Executor, enable: bool, noreply: bool) -> Answer {
        if !executor.cluster.run_time.enable_crawler(enable) {
            return if enable {
                Err(error_lines::CRAWLER_ENABLED_ALREADY)
            } else {
                Ok(Some(Reply::Ok))
            };
        }
        self.have_all_turn(executor, noreply);
        Ok(None)
    }

    /// Has all executors turn, and answers `OK` then.
    fn have_all_turn(&mut self, executor: &mut Executor, noreply: bool) {
        let kind = StatsKind::Turn;
        if noreply {
            for shard in executor.other_shards() {
                executor.outboxes.push(shard, &ForwardedRequest::Stats(kind), None);
            }
        } else {
            self.gather_stats(executor, Gathering::Done, kind, None);
        }
    }

    /// `slabs reassign`: asks every shard.
    fn reassign(&mut self, executor: &mut Executor, from: i32, to: i32, noreply: bool) -> Answer {
        if from == to {
            return Err(error_lines::REASSIGN_SAME);
        }
        // 0 is the pool.
        let classes = 0..=executor.shards.own().store().classes() as i32;
        if !classes.contains(&to) || from != ANY_CLASS && !classes.contains(&from) {
            return Err(error_lines::REASSIGN_BAD_CLASS);
        }
        let ours = executor.shards.own_mut().reassign(from, to);
        if noreply {
            for shard in executor.other_shards() {
                executor.outboxes.push(shard, &ForwardedRequest::Reassign(from, to), None);
            }
            return Ok(None);
        }
        let gathering = Gathering::Reassign(Reassigned::NoSpare);
        let gather = Gather::new(gathering, executor.router.shards(), None);
        self.gather(executor, gather, &ForwardedRequest::Reassign(from, to), &[ours as u8]);
        Ok(None)
    }

    /// `stats cachedump`, with class and limit or what is wrong with them.
    #[cold]
    pub(super) fn cachedump(
        &mut self,
        executor: &Executor,
        words: Result<(u32, u32), &'static [u8]>,
    ) {
        if !executor.cluster.settings.dump {
            return self.reply(Reply::Error(error_lines::STATS_CACHEDUMP_NOT_ALLOWED));
        }
        match words {
            Ok((class, limit)) => self.begin_cachedump(class, limit),
            Err(error) => self.reply(Reply::Error(error)),
        }
    }

    /// `shutdown`: the process tells itself to end, as an operator would by a signal.
    #[cold]
    pub(super) fn shut_down(&mut self, executor: &mut Executor, words: &[u8]) {
        let signal = match words {
            _ if !executor.cluster.settings.shutdown => Err(error_lines::SHUTDOWN_NOT_ENABLED),
            b"" => Ok(Signal::INT),
            word if b"graceful".starts_with(word) => Ok(Signal::USR1),
            _ => Err(error_lines::INVALID_SHUTDOWN_MODE),
        };
        match signal {
            Ok(signal) => {
                self.set_close_reason(CloseReason::Shutdown);
                self.close(executor);
                // A process may signal itself.
                let _ = kill_process(getpid(), signal);
            }
            Err(_) if words == b"noreply" || words.ends_with(b" noreply") => {}
            Err(error) => self.reply(Reply::Error(error)),
        }
    }
}
