//! The counters of a shard: they only grow.

crate::stat_names! {
    /// A number that only grows. Its index in a [`Snapshot`](crate::Snapshot) is its discriminant.
    Counter {
        /// Keys looked up by any kind of get that sets no exptime.
        CmdGet = "cmd_get",
        /// Storage commands that got memory, those whose condition then failed included.
        CmdSet = "cmd_set",
        /// `flush_all` commands.
        CmdFlush = "cmd_flush",
        /// `touch` commands and keys of `gat`, `gats`, meta get with `T` on a hit.
        CmdTouch = "cmd_touch",
        /// `me` commands.
        CmdMeta = "cmd_meta",
        /// Gets that found a live item.
        GetHits = "get_hits",
        /// Gets that found no live item; expired and flushed items included.
        GetMisses = "get_misses",
        /// Gets that found an expired item.
        GetExpired = "get_expired",
        /// Gets that found an item that a `flush_all` had invalidated.
        GetFlushed = "get_flushed",
        /// Deletes of absent keys.
        DeleteMisses = "delete_misses",
        /// Deletes of live items.
        DeleteHits = "delete_hits",
        /// `incr` of absent keys.
        IncrMisses = "incr_misses",
        /// `incr` of live items.
        IncrHits = "incr_hits",
        /// `decr` of absent keys.
        DecrMisses = "decr_misses",
        /// `decr` of live items.
        DecrHits = "decr_hits",
        /// Stores with a cas unique whose key had no item.
        CasMisses = "cas_misses",
        /// Stores whose cas unique matched.
        CasHits = "cas_hits",
        /// Stores whose cas unique differed from the item's.
        CasBadval = "cas_badval",
        /// Touches of live items.
        TouchHits = "touch_hits",
        /// Touches of absent keys.
        TouchMisses = "touch_misses",
        /// Stores refused because the item exceeds the largest item size.
        StoreTooLarge = "store_too_large",
        /// Stores refused for lack of memory.
        StoreNoMemory = "store_no_memory",
        /// Authentication attempts.
        AuthCmds = "auth_cmds",
        /// Authentication attempts that failed.
        AuthErrors = "auth_errors",
        /// Connections closed for being idle.
        IdleKicks = "idle_kicks",
        /// Bytes received from clients.
        BytesRead = "bytes_read",
        /// Bytes sent to clients.
        BytesWritten = "bytes_written",
        /// Times a connection had more requests than it may execute in one turn.
        ConnYields = "conn_yields",
        /// Connections accepted.
        TotalConnections = "total_connections",
        /// Connections turned away because there were too many.
        RejectedConnections = "rejected_connections",
        /// Times accepting stopped because there were too many connections.
        ListenDisabledNum = "listen_disabled_num",
        /// Items ever stored.
        TotalItems = "total_items",
        /// Live items removed to make room.
        Evictions = "evictions",
        /// Evicted items that nobody had read since they were stored.
        EvictedUnfetched = "evicted_unfetched",
        /// Evicted items that had been read more than once recently.
        EvictedActive = "evicted_active",
        /// Expired items that were taken back and that nobody had read.
        ExpiredUnfetched = "expired_unfetched",
        /// Chunks taken back from expired items to store new ones.
        Reclaimed = "reclaimed",
        /// Pages in which the crawler started to look for expired items, and crawls and dumps that
        /// clients started.
        LruCrawlerStarts = "lru_crawler_starts",
        /// Expired items taken back by the crawler.
        CrawlerReclaimed = "crawler_reclaimed",
        /// Items examined by the crawler.
        CrawlerItemsChecked = "crawler_items_checked",
        /// Items evicted or taken back by an allocation.
        DirectReclaims = "direct_reclaims",
        /// Items moved to the COLD segment.
        MovesToCold = "moves_to_cold",
        /// Items moved to the WARM segment.
        MovesToWarm = "moves_to_warm",
        /// Looks of evictions at items that were read lately and stay in WARM.
        MovesWithinLru = "moves_within_lru",
        /// Pages that changed their slab class or shard.
        SlabsMoved = "slabs_moved",
        /// Chunks of live items moved so that a page could leave its slab class.
        SlabReassignRescues = "slab_reassign_rescues",
        /// Requests sent to the shard that owns the key.
        ForeignRequests = "foreign_requests",
        /// Batches that carried those requests.
        ForeignBatches = "foreign_batches",
        /// Groups of requests executed on a shard while its own executor was in the kernel.
        ShardsBorrowed = "shards_borrowed",
        /// Times another executor was at work on a shard, so that requests for it were sent.
        ShardsBusy = "shards_busy",
        /// Times another executor was woken.
        Doorbells = "doorbells",
        /// Connections that came from another executor because they ask for this shard's keys.
        ConnectionsMoved = "connections_moved",
        /// Turns of the executor with something to do.
        Turns = "turns",
        /// System calls that entered the ring, or waited on epoll.
        RingEnters = "ring_enters",
        /// Operations of the ring that completed: receives, sends, doorbells.
        RingCompletions = "ring_completions",
        /// Receives that ended because all receive buffers were in use. Each is started again.
        ReceiveBuffersExhausted = "receive_buffers_exhausted",
        /// Requests of other shards executed.
        RequestsServed = "requests_served",
        /// Requests that `stats detail` did not count, because there were too many prefixes.
        PrefixesNotCounted = "prefixes_not_counted",
        /// Datagrams received on the UDP port.
        DatagramsReceived = "datagrams_received",
        /// Datagrams sent from the UDP port.
        DatagramsSent = "datagrams_sent",
        /// Replies to datagrams that were too long, or could not be sent.
        AnswersDropped = "answers_dropped",
    }
}
