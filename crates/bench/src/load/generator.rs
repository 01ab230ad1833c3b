//! One thread's load: many connections on one epoll.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

use crate::limits::{EVENTS_MAX, SILENCE_MAX};
use crate::load::connection::Connection;
use crate::load::item_format::ItemFormat;
use crate::load::load_error::LoadError;
use crate::load::request_batch::RequestSource;
use crate::load::tally::Tally;
use crate::load::workload::Workload;
use crate::servers::stream::Endpoint;

/// When a closed loop ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After this time; batches under way are still awaited.
    Elapsed(Duration),
    /// When at least this many requests were sent and answered.
    Requests(u64),
}

/// A load that can be run repeatedly over the same connections.
pub struct Generator {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    source: RequestSource,
    format: ItemFormat,
    depth: usize,
    events: Vec<epoll::Event>,
}

impl Generator {
    /// Opens the load's connections. The load must be valid; other seeds draw other keys.
    pub fn connect(
        endpoint: impl Into<Endpoint>,
        workload: &Workload,
        seed: u64,
    ) -> Result<Self, LoadError> {
        let endpoint = endpoint.into();
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(workload.connections);
        for at in 0..workload.connections {
            let connection = Connection::open(&endpoint)?;
            let token = epoll::EventData::new_u64(at as u64);
            epoll::add(&epoll, connection.socket(), token, epoll::EventFlags::IN)?;
            connections.push(connection);
        }
        Ok(Self {
            epoll,
            connections,
            source: RequestSource::new(workload, seed),
            format: ItemFormat::new(workload.key_bytes, &workload.value_bytes),
            depth: workload.depth,
            events: Vec::with_capacity(EVENTS_MAX),
        })
    }

    /// Runs a closed loop: each connection writes one batch, waits for all its replies, and writes
    /// the next. A latency is the time from a write to its last reply. A failed run leaves the
    /// generator unusable.
    pub fn closed_loop(&mut self, until: Until) -> Result<Tally, LoadError> {
        let mut tally = Tally::default();
        let start = Instant::now();
        let mut sent = 0;
        for at in 0..self.connections.len() {
            self.start_batch(at, Instant::now())?;
            sent += self.depth as u64;
        }
        let mut busy = self.connections.len();
        while busy > 0 {
            if !self.wait(Some(SILENCE_MAX))? {
                return Err(LoadError::Silent);
            }
            let mut events = std::mem::take(&mut self.events);
            for event in events.drain(..) {
                let at = event.data.u64() as usize;
                if !self.progress(at, event.flags, &mut tally)? {
                    continue;
                }
                let now = Instant::now();
                tally.record(now - self.connections[at].due());
                let go_on = match until {
                    Until::Elapsed(time) => now - start < time,
                    Until::Requests(requests) => sent < requests,
                };
                if go_on {
                    self.start_batch(at, now)?;
                    sent += self.depth as u64;
                } else {
                    busy -= 1;
                }
            }
            self.events = events;
        }
        tally.elapsed = start.elapsed();
        Ok(tally)
    }

    /// Batches are due at a fixed rate (requests per second over all connections) for this time,
    /// and leave on the connection that has been free for longest. A latency counts from the moment
    /// a batch was due, so the delays of unsent requests count against a stalled server.
    ///
    /// It spins between events, since a timer's wake-up would be part of every latency.
    pub fn open_loop(&mut self, rate: f64, time: Duration) -> Result<Tally, LoadError> {
        let gap = Duration::from_secs_f64(self.depth as f64 / rate);
        let mut tally = Tally::default();
        let start = Instant::now();
        let end = start + time;
        let mut due = start;
        let mut last_progress = start;
        let mut free: VecDeque<usize> = (0..self.connections.len()).collect();
        loop {
            let now = Instant::now();
            while due <= now && now < end {
                let Some(at) = free.pop_front() else { break };
                self.start_batch(at, due)?;
                due += gap;
            }
            if now >= end && free.len() == self.connections.len() {
                break;
            }
            if self.wait(Some(Duration::ZERO))? || free.len() == self.connections.len() {
                last_progress = now;
            } else if now - last_progress > SILENCE_MAX {
                return Err(LoadError::Silent);
            }
            let mut events = std::mem::take(&mut self.events);
            for event in events.drain(..) {
                let at = event.data.u64() as usize;
                if self.progress(at, event.flags, &mut tally)? {
                    tally.record(self.connections[at].due().elapsed());
                    free.push_back(at);
                }
            }
            self.events = events;
        }
        let late = end.saturating_duration_since(due).as_secs_f64();
        tally.unsent = (late * rate) as u64;
        tally.elapsed = start.elapsed();
        Ok(tally)
    }

    fn start_batch(&mut self, at: usize, due: Instant) -> Result<(), LoadError> {
        let connection = &mut self.connections[at];
        connection.begin(&mut self.source, &self.format, due);
        connection.send()?;
        if connection.is_sending() {
            self.watch(at, epoll::EventFlags::IN | epoll::EventFlags::OUT)?;
        }
        Ok(())
    }

    /// Advances one ready connection. Returns true when all requests of its batch are answered.
    fn progress(
        &mut self,
        at: usize,
        flags: epoll::EventFlags,
        tally: &mut Tally,
    ) -> Result<bool, LoadError> {
        let connection = &mut self.connections[at];
        if flags.contains(epoll::EventFlags::OUT) && connection.is_sending() {
            connection.send()?;
            if !connection.is_sending() {
                self.watch(at, epoll::EventFlags::IN)?;
            }
        }
        let readable = epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
        if flags.intersects(readable) {
            return self.connections[at].receive(&self.format, tally);
        }
        Ok(false)
    }

    fn watch(&self, at: usize, flags: epoll::EventFlags) -> Result<(), LoadError> {
        let token = epoll::EventData::new_u64(at as u64);
        Ok(epoll::modify(&self.epoll, self.connections[at].socket(), token, flags)?)
    }

    /// Fills `events`. Returns false if none came in time.
    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, LoadError> {
        let timeout = timeout.map(|time| Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: i64::from(time.subsec_nanos()),
        });
        self.events.clear();
        let room = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, room, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(!self.events.is_empty()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;
    use crate::load::request_batch::RequestKind;

    /// Runs a load against a peer that answers every line with `answer`, or closes at once.
    fn against(
        answer: Option<&'static [u8]>,
        load: impl FnOnce(&mut Generator) -> Result<Tally, LoadError>,
    ) -> Result<Tally, LoadError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let workload = Workload { connections: 1, depth: 3, keys: 10, ..Workload::default() };
        let peer = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let Some(answer) = answer else { return };
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                let lines = bytes[..count].split(|&byte| byte == b'\n').count() - 1;
                if stream.write_all(&answer.repeat(lines)).is_err() {
                    return;
                }
            }
        });
        let mut generator = Generator::connect(address, &workload, 1)?;
        let result = load(&mut generator);
        drop(generator);
        peer.join().unwrap();
        result
    }

    #[test]
    fn every_reply_is_counted() {
        let tally = against(Some(b"END\r\n"), |load| load.closed_loop(Until::Requests(30)));
        let tally = tally.unwrap();
        assert_eq!((tally.requests, tally.misses, tally.hits, tally.sets), (30, 30, 0, 0));
        assert!(tally.latency_at(0.5) > Duration::ZERO);
    }

    #[test]
    fn an_open_loop_keeps_its_rate_and_owns_up_to_what_it_did_not_send() {
        let time = Duration::from_millis(200);
        let slow = against(Some(b"END\r\n"), |load| load.open_loop(300.0, time)).unwrap();
        // 60 requests are due in 0.2 s. Unsent ones are counted.
        assert!((57..=63).contains(&(slow.requests + slow.unsent)), "{slow:?}");
        let fast = against(Some(b"END\r\n"), |load| load.open_loop(1e8, time)).unwrap();
        assert!(fast.unsent > 0);
    }

    #[test]
    fn what_is_wrong_ends_the_run() {
        let closed_loop = |load: &mut Generator| load.closed_loop(Until::Requests(30));
        let wrong = against(Some(b"ERROR\r\n"), closed_loop);
        assert!(matches!(wrong, Err(LoadError::Wrong(RequestKind::Get, _))), "{wrong:?}");
        let more = against(Some(b"END\r\nEND\r\n"), closed_loop);
        assert!(matches!(more, Err(LoadError::Unasked(_))), "{more:?}");
        let closed = against(None, closed_loop);
        assert!(matches!(closed, Err(LoadError::Closed | LoadError::Socket(_))), "{closed:?}");
    }
}
