//! `-k`, and what happens where little memory may be locked.

use rustix::process::geteuid;
use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};

/// Servers that the kernel holds to a limit of so many KiB; root, too.
fn limited(kind: ServerKind, threads: usize, limit_kib: u32) -> ServerOptions {
    let script = format!("ulimit -l {limit_kib}; exec \"$@\"");
    let mut words = vec!["sh", "-c", &script, "sh"];
    if geteuid().is_root() {
        words.extend(["setpriv", "--bounding-set", "-sys_resource,-ipc_lock"]);
    }
    ServerOptions::new(kind, threads).launched_by(&words)
}

/// Whether nearly all that is mapped is locked; the kernel's own pages never are.
fn is_locked(server: &ServerProcess) -> bool {
    let (locked, mapped) = (server.status_kib("VmLck"), server.status_kib("VmSize"));
    assert!(locked == 0 || locked > mapped / 10 * 9, "{locked} of {mapped} KiB are locked");
    locked != 0
}

/// All of it, or as here none: whoever may lock nothing is told so in memcached's words.
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

/// Where there is no room for rings, epoll serves, and one line says why.
#[test]
fn too_little_lockable_memory_for_rings_is_told_in_one_line() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let server = limited(ServerKind::Slabcore, 2, 64).start();
    server.connect().round_trip();
    let expected = "slabcore: serving with epoll: the rings of 2 shards need more locked memory \
                    than 64 KiB (ulimit -l)\n";
    assert_eq!(server.log(), expected);
}

/// Where there is room for small ones, they serve more clients than they have entries.
#[test]
fn little_lockable_memory_makes_small_rings() {
    // Other processes of a user are charged to the same limit, unless they are root's.
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
