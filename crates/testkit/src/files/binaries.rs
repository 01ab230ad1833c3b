//! The paths of the two servers' executables.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The slabcore binary: `SLABCORE_BIN`, or the one beside the running test executable.
///
/// Panics if there is none, and says how to build it.
pub fn slabcore() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built("slabcore", "SLABCORE_BIN"))
}

/// The slabcore-tool binary: `SLABCORE_TOOL`, or the one beside the running test executable.
///
/// Panics if there is none, and says how to build it.
pub fn tool() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built("slabcore-tool", "SLABCORE_TOOL"))
}

/// The slabcore-bench binary: `SLABCORE_BENCH`, or the one beside the running test executable.
///
/// Panics if there is none, and says how to build it.
pub fn bench() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built("slabcore-bench", "SLABCORE_BENCH"))
}

/// The path that the variable names, or that of the package's binary in this build.
fn built(package: &str, variable: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "{variable}={} is not a file", path.display());
        return path;
    }
    // <target>/<profile>/deps/<test> beside <target>/<profile>/<package>.
    let test = std::env::current_exe().expect("the test executable has a path");
    let path = test.parent().and_then(Path::parent).expect("a profile directory");
    let path = path.join(package);
    assert!(
        path.is_file(),
        "no {package} at {}: run `cargo build -p {package}` first, or set {variable}",
        path.display()
    );
    path
}

/// Whether the binary that [`slabcore`] found is slabcore. `SLABCORE_BIN` may name a stock
/// memcached, which checks the tests themselves.
pub fn slabcore_is_itself() -> bool {
    static ITSELF: OnceLock<bool> = OnceLock::new();
    *ITSELF.get_or_init(|| {
        let output = Command::new(slabcore()).arg("-V").output().expect("slabcore -V runs");
        String::from_utf8_lossy(&output.stdout).lines().any(|line| line.starts_with("slabcore "))
    })
}

/// The stock memcached: `MEMCACHED`, or the path that `tests/stock-memcached` prints; the script
/// may build it.
pub fn stock() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        // The script reads MEMCACHED itself, and says why if it has no path to print.
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/stock-memcached");
        let output = Command::new(&script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap_or_else(|error| panic!("{} does not run: {error}", script.display()));
        assert!(
            output.status.success(),
            "{} found no memcached; set MEMCACHED to the path of a 1.6.45",
            script.display()
        );
        PathBuf::from(String::from_utf8(output.stdout).expect("a path in UTF-8").trim_end())
    })
}

/// Whether the stock memcached is at least 1.6.45, the version that Slabcore follows. With an older
/// one, tests leave out what it answers differently.
pub fn stock_is_current() -> bool {
    static CURRENT: OnceLock<bool> = OnceLock::new();
    *CURRENT.get_or_init(|| {
        let output = Command::new(stock()).arg("-V").output().expect("memcached -V runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.lines().next().and_then(|line| line.strip_prefix("memcached "));
        let version = version.expect("memcached says its version");
        let numbers: Vec<u32> = version.split('.').filter_map(|it| it.parse().ok()).collect();
        numbers >= vec![1, 6, 45]
    })
}
