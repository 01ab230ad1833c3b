//! Locked memory (`-k`), and low limits on it.

use std::process::Command;

use rustix::process::geteuid;
use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};

/// A server under a limit on locked memory, in KiB. The limit also holds for root.
fn limited(kind: ServerKind, threads: usize, limit_kib: u32) -> ServerOptions {
    let script = format!("ulimit -l {limit_kib}; exec \"$@\"");
    let mut words = vec!["sh", "-c", &script, "sh"];
    if geteuid().is_root() {
        words.extend(["setpriv", "--bounding-set", "-sys_resource,-ipc_lock"]);
    }
    ServerOptions::new(kind, threads).launched_by(&words)
}

/// Whether nearly all mapped memory is locked. The kernel's own pages never are.
fn is_locked(server: &ServerProcess) -> bool {
    let (locked, mapped) = (server.status_kib("VmLck"), server.status_kib("VmSize"));
    assert!(locked == 0 || locked > mapped / 10 * 9, "{locked} of {mapped} KiB are locked");
    locked != 0
}

/// All memory is locked. If locking is forbidden, as in the second case, the server says so in
/// memcached's words.
#[test]
fn memory_is_locked_where_memcached_locks_it() {
    for kind in [ServerKind::Slabcore, ServerKind::Stock] {
        let server = limited(kind, 2, 64).arguments(&["-k"]).start();
        server.connect().round_trip();
        assert!(!is_locked(&server));
        let log = server.log();
        assert!(log.contains("warning: -k invalid, mlockall() failed: Cannot allocate"), "{log}");
    }
    let start = |kind| ServerOptions::new(kind, 2).arguments(&["-k"]).start();
    let (ours, stock) = (start(ServerKind::Slabcore), start(ServerKind::Stock));
    assert_eq!(is_locked(&ours), is_locked(&stock), "{}\n{}", ours.log(), stock.log());
    ours.connect().round_trip();
}

/// Without lockable memory for rings the server uses epoll, and one line says why.
#[test]
fn too_little_lockable_memory_for_rings_is_reported_in_one_line() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let server = limited(ServerKind::Slabcore, 2, 64).start();
    server.connect().round_trip();
    let expected = "slabcore: serving with epoll: the rings of 2 shards need more locked memory \
                    than 64 KiB (ulimit -l)\n";
    assert_eq!(server.log(), expected);
}

/// Small rings serve more clients than they have entries.
#[test]
fn little_lockable_memory_makes_small_rings() {
    // All processes of a user count against one limit, except for root.
    if !binaries::slabcore_is_itself() || !geteuid().is_root() {
        return;
    }
    let server = limited(ServerKind::Slabcore, 1, 512).start();
    let log = server.log();
    let expected = "warning: rings have 256 entries instead of 1024, as no more than 512 KiB of \
                    memory may be locked (ulimit -l)\n";
    assert_eq!(log, expected);
    let mut clients: Vec<_> = (0..400).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(b"set k 0 0 1\r\n1\r\nget k\r\n");
    }
    for mut client in clients {
        client.expect("", "STORED\r\nVALUE k 0 1\r\n1\r\nEND\r\n");
    }
}

/// Servers of another user, who may lock this many KiB over all processes.
fn of_one_user(user: u32, threads: usize, limit_kib: u32) -> ServerOptions {
    let script = format!("ulimit -l {limit_kib}; exec \"$@\"");
    let user = user.to_string();
    // That user may have no access to the binary and the test's directory.
    let words = ["sh", "-c", &script, "sh", "setpriv", "--reuid", &user, "--regid", &user];
    let rights = ["--clear-groups", "--inh-caps=-all,+dac_override"];
    let no_more = ["--ambient-caps=+dac_override", "--bounding-set=-all,+dac_override"];
    let words = [&words[..], &rights, &no_more].concat();
    ServerOptions::new(ServerKind::Slabcore, threads).launched_by(&words)
}

/// The first servers of a user locked all memory that the limit allows. In the next one, executors
/// without rings ended silently, and its start waited for them for ever.
#[test]
fn servers_of_one_user_share_what_may_be_locked() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    if !geteuid().is_root() {
        eprintln!("skipped: only root can start servers of another user");
        return;
    }
    // Only this test uses this user number.
    let user = 1_000_000 + std::process::id();
    let limits = [(1, 1024), (2, 1024), (4, 2048), (8, 4096), (16, 8192)];
    for (threads, limit_kib) in limits {
        let start = || of_one_user(user, threads, limit_kib).start();
        // Some start at the same time, and some later.
        let mut servers: Vec<_> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..3).map(|_| scope.spawn(start)).collect();
            starting.into_iter().map(|it| it.join().expect("it starts")).collect()
        });
        servers.extend([start(), start()]);
        let mut on_epoll = 0;
        for server in servers {
            server.connect().round_trip();
            let log = server.log();
            assert!(log.lines().count() <= 1, "-t {threads}: {log}");
            let shortage = format!("{limit_kib} KiB");
            assert!(log.is_empty() || log.contains(&shortage), "-t {threads}: {log}");
            on_epoll += usize::from(log.contains("serving with epoll"));
            assert_eq!(server.stop().code(), Some(0), "-t {threads}");
        }
        assert!(on_epoll > 0, "-t {threads}: all servers had the memory for rings");
    }
}

/// A server that must have rings says why it has none, and ends.
#[test]
fn a_start_without_the_rings_that_it_must_have_says_why() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    if !geteuid().is_root() {
        eprintln!("skipped: only root can start servers of another user");
        return;
    }
    let user = 2_000_000 + std::process::id();
    // They leave less than one more needs, whichever of them had rings.
    let _servers: Vec<_> = (0..4).map(|_| of_one_user(user, 4, 2048).start()).collect();
    let options = of_one_user(user, 4, 2048).arguments(&["--backend", "uring"]);
    let (status, log) = options.start_in_vain();
    assert_eq!(status.code(), Some(71), "{log}");
    let expected = "io_uring is not available: the rings of 4 shards need more locked memory than \
                    other processes of the user leave of 2048 KiB (ulimit -l)\n";
    assert_eq!(log, expected);
}

/// As root the limit is raised before the user of `-u` is become, who could not.
#[test]
fn root_raises_the_limit_on_locked_memory_for_another_user() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let raising = Command::new("sh").args(["-c", "ulimit -l 64; ulimit -l 8192"]).output();
    if !geteuid().is_root() || !raising.expect("the shell runs").status.success() {
        eprintln!("skipped: the limit on locked memory may not be raised here");
        return;
    }
    // That user writes the port file.
    let script = "chmod a+rwx \"$(dirname \"$MEMCACHED_PORT_FILENAME\")\"; ulimit -l 64; \
                  exec \"$@\" -u nobody";
    let words = ["sh", "-c", script, "sh"];
    let server = ServerOptions::new(ServerKind::Slabcore, 2).launched_by(&words).start();
    server.connect().round_trip();
    let pid = server.pid();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"));
    let limit: Vec<_> = limit.expect("the kernel names it").split_whitespace().collect();
    assert_eq!(limit[..2], ["unlimited"; 2]);
}
