//! The cores that executors may run on.

use std::fs;
use std::slice::from_ref;

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::stopped_thread::thread_of;

/// The cores of a thread, in the kernel's form, such as "0-1".
fn cores_of(task: &str) -> String {
    let status = fs::read_to_string(format!("{task}/status")).expect("the thread runs");
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.expect("each thread has this line").trim().to_owned()
}

/// The first and the last core that this process may use.
fn outer_cores() -> [String; 2] {
    let all = cores_of("/proc/self");
    let [first, last] = [all.split([',', '-']).next(), all.split([',', '-']).next_back()];
    [first, last].map(|core| core.expect("a list has a core").to_owned())
}

/// Starts a server on each backend, and checks the cores of each executor, and what `stats
/// slabcore` says.
fn check(launcher: &[&str], words: &[&str], placement: &str, expected: &[String]) {
    if !binaries::slabcore_is_itself() {
        return;
    }
    for backend in ServerKind::Slabcore.backends() {
        let options = ServerOptions::new(ServerKind::Slabcore, expected.len());
        let server = options.launched_by(launcher).arguments(words).arguments(backend).start();
        let cores = (0..expected.len()).map(|executor| {
            let name = format!("slabcore-{executor}");
            let thread = thread_of(server.pid(), &name).expect("each executor has a thread");
            cores_of(&format!("/proc/{}/task/{thread}", server.pid()))
        });
        assert_eq!(cores.collect::<Vec<_>>(), expected, "{words:?} {backend:?}");
        let table = server.connect().stats("slabcore");
        let stat = |name| table.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
        assert_eq!(stat("executor_placement"), Some(placement), "{words:?}");
        let list = if placement == "shared" { expected[0].clone() } else { expected.join(",") };
        assert_eq!(stat("executor_cores").map(str::to_owned), Some(list), "{words:?}");
    }
}

/// Two servers with `-t 1` shared core 0, and all containers of a machine its first cores, while
/// other cores were idle.
#[test]
fn executors_may_run_on_every_usable_core() {
    let all = cores_of("/proc/self");
    for executors in [1, 2, 3] {
        check(&[], &[], "shared", &vec![all.clone(); executors]);
    }
}

#[test]
fn executors_stay_within_the_affinity_mask() {
    let [_, last] = outer_cores();
    let mask = ["taskset", "-c", &last];
    check(&mask, &[], "shared", &vec![last.clone(); 2]);
}

#[test]
fn a_core_named_for_each_executor_pins_it() {
    let [first, last] = outer_cores();
    if first == last {
        // There is only one core to name.
        return check(&[], &["--cores", &first], "pinned", from_ref(&first));
    }
    // Not in ascending order.
    check(&[], &["--cores", &format!("{last},{first}")], "pinned", &[last.clone(), first.clone()]);
    check(&[], &["--cores", &last], "pinned", from_ref(&last));
}

#[test]
fn named_cores_are_shared_by_fewer_or_more_executors() {
    let [_, last] = outer_cores();
    check(&[], &["--cores", &last], "shared", &vec![last.clone(); 3]);
    let all = cores_of("/proc/self");
    if all != last {
        check(&[], &["--cores", &all], "shared", from_ref(&all));
    }
}
