//! Commands for the server as a whole.
//!
//! Dialects: the echo of a binary request for one of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::process::{Signal, getpid, kill_process};
use slabcore_metrics::{Counter, Snapshot};
use slabcore_protocol::{
    Echo, Reply, RunTimeSetting, ServerCommand, ShutdownMode, SlabClasses, error_lines,
};
use slabcore_shard::{FlushTime, ForwardedRequest, ShardCommand};
use slabcore_storage::Reassigned;

use crate::connection::Connection;
use crate::connection::gather::{Gather, Gathering, MetricsReply};
use crate::executor::Executor;
use crate::requests::gathers::send_to_others;
use crate::settings::close_reason::CloseReason;
use crate::shared::certificate_reload;
use crate::shared::memory_limit;
use crate::shared::reload_requests::ReloadRequest;

/// The number that means any slab class: the one with most pages is chosen.
const ANY_CLASS: i32 = -1;

/// `verbosity` is capped at this level.
const VERBOSITY_MAX: u64 = 2;

/// When the reply to a command is sent.
#[derive(Debug, Clone, Copy)]
enum ReplyTime {
    /// `OK` is sent now.
    Now,
    /// The reply comes later, or never.
    Later,
}

/// When a command replies, or the error line that refuses it.
type Outcome = Result<ReplyTime, &'static [u8]>;

impl Connection {
    /// Executes a command for the server as a whole.
    #[cold]
    pub(super) fn server_command(
        &mut self,
        executor: &mut Executor,
        command: ServerCommand,
        noreply: bool,
    ) {
        match self.execute_command(executor, command, noreply) {
            Ok(ReplyTime::Now) if !noreply => self.reply(Reply::Ok),
            Err(error) if !noreply => self.reply(Reply::Error(error)),
            _ => {}
        }
    }

    fn execute_command(
        &mut self,
        executor: &mut Executor,
        command: ServerCommand,
        noreply: bool,
    ) -> Outcome {
        let run_time = &executor.shared.run_time;
        let settings = &executor.shared.settings;
        match command {
            ServerCommand::FlushAll { delay } => {
                return self.flush_all(executor, delay, noreply);
            }
            ServerCommand::Verbosity(level) => {
                let level = u64::from(level).min(VERBOSITY_MAX);
                executor.shared.verbosity.store(level, Ordering::Relaxed);
            }
            ServerCommand::Shutdown(mode) => return self.shut_down(executor, mode),
            ServerCommand::ResetStats => {
                self.reset_stats(executor, None);
                return Ok(ReplyTime::Later);
            }
            ServerCommand::CountPrefixes(_) if !settings.dump => {
                return Err(error_lines::STATS_DETAIL_NOT_ALLOWED);
            }
            ServerCommand::CountPrefixes(is_on) => {
                self.count_prefixes(executor, is_on, None);
                return Ok(ReplyTime::Later);
            }
            ServerCommand::Crawl(classes) => return self.crawl(executor, classes, noreply),
            ServerCommand::EnableCrawler(enable) => {
                return self.enable_crawler(executor, enable, noreply);
            }
            // In memcached these are settings of its maintainer.
            ServerCommand::Set(RunTimeSetting::Segmented(_) | RunTimeSetting::TemporaryTtl(_))
                if !settings.lru_maintainer =>
            {
                return Err(error_lines::ERROR);
            }
            ServerCommand::Set(
                setting @ (RunTimeSetting::TemporaryTtl(_)
                | RunTimeSetting::Segmented(_)
                | RunTimeSetting::Segments { .. }),
            ) => {
                run_time.keep(setting);
                run_time.apply_to(executor.shards.own_mut());
                self.have_all_turn(executor, noreply);
                return Ok(ReplyTime::Later);
            }
            ServerCommand::Set(setting) => run_time.keep(setting),
            ServerCommand::ExternalStorage(setting) => run_time.keep_external(setting),
            ServerCommand::RefreshCertificates => {
                self.refresh_certificates(executor, noreply);
                return Ok(ReplyTime::Later);
            }
            ServerCommand::MemoryLimit(megabytes) => {
                memory_limit::change(&executor.shared, megabytes)?;
            }
            ServerCommand::Reassign { .. } | ServerCommand::UnreadableReassign
                if !settings.slab_reassign =>
            {
                return Err(error_lines::REASSIGN_DISABLED);
            }
            ServerCommand::UnreadableReassign => return Err(error_lines::BAD_FORMAT),
            ServerCommand::Reassign { from, to } => {
                return self.reassign(executor, from, to, noreply);
            }
        }
        Ok(ReplyTime::Now)
    }

    /// `flush_all` as text. Like in memcached, it is counted even if it is refused.
    fn flush_all(&mut self, executor: &mut Executor, delay: Option<i32>, noreply: bool) -> Outcome {
        executor.metrics.add(Counter::CmdFlush, 1);
        if !executor.shared.settings.flush_all {
            return Err(error_lines::FLUSH_ALL_NOT_ALLOWED);
        }
        let delay = delay.ok_or(error_lines::INVALID_EXPTIME)?;
        self.flush_shards(executor, executor.now.flush_time(delay), noreply, None);
        Ok(ReplyTime::Later)
    }

    /// Flushes all shards. `echo` is that of a binary request.
    pub(super) fn flush_shards(
        &mut self,
        executor: &mut Executor,
        time: FlushTime,
        noreply: bool,
        echo: Option<Echo>,
    ) {
        executor.shards.own_mut().flush_all(executor.now, time);
        let request = ForwardedRequest::Flush(time);
        if noreply {
            return send_to_others(executor, &request);
        }
        let gather = Gather::new(Gathering::Done, executor.router.shards(), echo);
        self.gather(executor, gather, &request, &[]);
    }

    /// `stats reset`. `echo` is that of a binary request.
    pub(super) fn reset_stats(&mut self, executor: &mut Executor, echo: Option<Echo>) {
        let counters = Gathering::Metrics(Box::new(Snapshot::new()), MetricsReply::Reset);
        self.command_shards(executor, counters, ShardCommand::ResetStats, echo);
    }

    /// `stats detail on` and `off`. `echo` is that of a binary request.
    pub(super) fn count_prefixes(
        &mut self,
        executor: &mut Executor,
        is_on: bool,
        echo: Option<Echo>,
    ) {
        executor.shared.counts_prefixes.store(is_on, Ordering::Relaxed);
        let command = ShardCommand::CountPrefixes(is_on);
        self.command_shards(executor, Gathering::Done, command, echo);
    }

    /// `refresh_certs`: the reply comes once a thread has read the files. Like in memcached,
    /// `noreply` does not hide a failure.
    fn refresh_certificates(&mut self, executor: &mut Executor, noreply: bool) {
        let shared = Arc::clone(&executor.shared);
        let Some(tls) = shared.tls.as_ref() else {
            return self.reply(Reply::Error(error_lines::TLS_NOT_ENABLED));
        };
        let ticket = self.open_ticket(executor);
        let request = ReloadRequest { shard: executor.shard, ticket, noreply };
        if !certificate_reload::request(&shared, tls, request) {
            self.output.fill(ticket.slot, error_lines::OUT_OF_MEMORY, &mut executor.spares);
        }
    }

    /// `lru_crawler crawl`. The background work of any turn reclaims what has expired, so all
    /// executors turn, also those that sleep.
    fn crawl(&mut self, executor: &mut Executor, classes: SlabClasses, noreply: bool) -> Outcome {
        if !executor.shared.run_time.crawls() {
            return Err(error_lines::CRAWLER_DISABLED);
        }
        classes?;
        executor.shards.own_mut().count_started_crawl();
        self.have_all_turn(executor, noreply);
        Ok(ReplyTime::Later)
    }

    /// `lru_crawler enable` and `disable`: replies `OK` once all executors have seen the change.
    fn enable_crawler(&mut self, executor: &mut Executor, enable: bool, noreply: bool) -> Outcome {
        if !executor.shared.run_time.enable_crawler(enable) {
            return if enable {
                Err(error_lines::CRAWLER_ENABLED_ALREADY)
            } else {
                Ok(ReplyTime::Now)
            };
        }
        self.have_all_turn(executor, noreply);
        Ok(ReplyTime::Later)
    }

    /// `slabs reassign`: asks every shard.
    fn reassign(&mut self, executor: &mut Executor, from: i32, to: i32, noreply: bool) -> Outcome {
        if from == to {
            return Err(error_lines::REASSIGN_SAME);
        }
        // 0 is the pool.
        let classes = 0..=executor.shards.own().store().classes().len() as i32;
        if !classes.contains(&to) || from != ANY_CLASS && !classes.contains(&from) {
            return Err(error_lines::REASSIGN_BAD_CLASS);
        }
        let ours = executor.shards.own_mut().reassign(from, to);
        if noreply {
            send_to_others(executor, &ForwardedRequest::Reassign(from, to));
            return Ok(ReplyTime::Later);
        }
        let gathering = Gathering::Reassign(Reassigned::NoSpare);
        let gather = Gather::new(gathering, executor.router.shards(), None);
        self.gather(executor, gather, &ForwardedRequest::Reassign(from, to), &[ours as u8]);
        Ok(ReplyTime::Later)
    }

    /// `shutdown`: the process sends itself the signal that an operator would send.
    fn shut_down(&mut self, executor: &mut Executor, mode: ShutdownMode) -> Outcome {
        if !executor.shared.settings.shutdown {
            return Err(error_lines::SHUTDOWN_NOT_ENABLED);
        }
        let signal = match mode {
            ShutdownMode::AtOnce => Signal::INT,
            ShutdownMode::Graceful => Signal::USR1,
            ShutdownMode::Unknown => return Err(error_lines::INVALID_SHUTDOWN_MODE),
        };
        self.set_close_reason(CloseReason::Shutdown);
        self.close(executor);
        // A process may signal itself.
        let _ = kill_process(getpid(), signal);
        Ok(ReplyTime::Later)
    }
}
