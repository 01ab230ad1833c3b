//! Dumps of all items: `lru_crawler metadump` and `mgdump`, and `stats cachedump`.
//!
//! A dump goes from shard to shard. In each it follows a walk that the table's growth does not
//! disturb. It is made in small parts, each when the connection is served and its output has room.
//! So its length costs neither the other clients nor the server's memory.

use slabcore_protocol::{DumpFormat, Reply, SlabClasses, dump_end, error_lines};
use slabcore_shard::{ForwardedRequest, split_dump_reply};

use crate::connection::dump_progress::{Allowance, DumpProgress};
use crate::connection::gather::{Gather, Gathering};
use crate::connection::{Connection, Pause};
use crate::executor::Executor;
use crate::settings::limits::CACHEDUMP_BYTES_MAX;

impl Connection {
    /// Begins `lru_crawler metadump` or `mgdump`, or refuses it.
    #[cold]
    pub(super) fn dump(
        &mut self,
        executor: &mut Executor,
        format: DumpFormat,
        classes: SlabClasses,
        noreply: bool,
    ) {
        match self.begin_dump(executor, format, classes) {
            Ok(()) => executor.shards.own_mut().count_started_crawl(),
            Err(_) if noreply => {}
            Err(error) => self.reply(Reply::Error(error)),
        }
    }

    fn begin_dump(
        &mut self,
        executor: &Executor,
        format: DumpFormat,
        classes: SlabClasses,
    ) -> Result<(), &'static [u8]> {
        if !executor.shared.run_time.crawls() {
            return Err(error_lines::CRAWLER_DISABLED);
        }
        if !executor.shared.settings.dump {
            return Err(match format {
                DumpFormat::Requests => error_lines::MGDUMP_NOT_ALLOWED,
                DumpFormat::Meta | DumpFormat::Cache => error_lines::METADUMP_NOT_ALLOWED,
            });
        }
        if self.follows_requests() {
            return Err(match format {
                DumpFormat::Requests => error_lines::MGDUMP_AFTER_COMMANDS,
                DumpFormat::Meta | DumpFormat::Cache => error_lines::METADUMP_AFTER_COMMANDS,
            });
        }
        let dump = DumpProgress::new(format, classes?, Allowance::All);
        self.reply(Reply::Ok);
        self.start_dump(dump);
        Ok(())
    }

    /// Begins `stats cachedump`: the items of a slab class, at most so many lines.
    pub(super) fn begin_cachedump(&mut self, class: u32, lines_max: Option<u32>) {
        let lines = lines_max.unwrap_or(u32::MAX);
        let left = Allowance::Lines { lines: lines as usize, bytes: CACHEDUMP_BYTES_MAX };
        self.start_dump(DumpProgress::new(DumpFormat::Cache, 1 << class, left));
    }

    /// Makes the next part of the dump. Returns why to pause, or `None` once the dump has ended.
    #[cold]
    pub(super) fn go_on_dumping(&mut self, executor: &mut Executor) -> Option<Pause> {
        let dump = self.dump_mut()?;
        if dump.is_awaited() {
            return Some(Pause::Blocked);
        }
        if dump.is_over(executor.router.shards()) {
            let format = dump.format();
            self.output.encode(|out| out.extend_from_slice(dump_end(format)));
            // Commands after a dump need not wait for its replies, but those after `stats` do.
            self.set_follows_requests(format == DumpFormat::Cache);
            self.end_request();
            return None;
        }
        let (now, mut lines) = (executor.now, executor.spares.take());
        if let Some(shard) = executor.reach(dump.shard()) {
            let position = shard.dump(now, dump.part(), &mut lines);
            let shown = dump.take_part(&lines, position);
            self.output.encode(|out| out.extend_from_slice(shown));
            executor.spares.put(lines);
            return Some(Pause::Yielded);
        }
        executor.spares.put(lines);
        dump.await_part();
        let (shard, request) = (dump.shard(), ForwardedRequest::Dump(*dump.part()));
        let gather = Box::new(Gather::new(Gathering::Dump(Vec::new()), 1, None));
        let slot = self.output.open_gather(gather, &mut executor.spares);
        executor.outboxes.push(shard, &request, Some(self.ticket_for(slot)));
        Some(Pause::Blocked)
    }

    /// Takes a part that another executor has made. Returns the lines to show.
    #[cold]
    pub(super) fn dumped_elsewhere(&mut self, reply: &[u8]) -> Vec<u8> {
        let Some(dump) = self.dump_mut() else { return Vec::new() };
        let (position, lines) = split_dump_reply(reply);
        dump.take_part(lines, position).to_vec()
    }
}
