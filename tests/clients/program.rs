//! Paths of foreign programs, and their output.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use slabcore_testkit::test_directory::TestDirectory;

/// The folder of `tools` and of the sessions.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// The path that `clients/tools` prints; it installs what is missing.
pub(crate) fn tool(name: &str) -> PathBuf {
    let output = Command::new(folder().join("tools"))
        .arg(name)
        .stderr(Stdio::inherit())
        .output()
        .expect("clients/tools runs");
    assert!(output.status.success(), "clients/tools finds no {name}");
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim_end())
}

/// The path that `clients/tools` prints; `None` if the tool is missing and cannot be installed.
pub(crate) fn found_tool(name: &str) -> Option<PathBuf> {
    let mut tools = Command::new(folder().join("tools"));
    let output = tools.arg(name).stderr(Stdio::inherit()).output().expect("clients/tools runs");
    let path = String::from_utf8(output.stdout).expect("a path");
    output.status.success().then(|| PathBuf::from(path.trim_end()))
}

/// The path of a file of Debian's memcached package.
pub(crate) fn package_file(name: &str) -> PathBuf {
    let path = tool("memcached-package").join(name);
    assert!(path.is_file(), "memcached's package has no {name}");
    path
}

/// memcached-tool for the server on this port.
pub(crate) fn memcached_script(port: u16, words: &[&str]) -> Command {
    let mut command = Command::new("perl");
    command.arg(package_file("usr/share/memcached/scripts/memcached-tool"));
    command.arg(format!("127.0.0.1:{port}")).args(words);
    command
}

/// Compiles and runs a file of Go with the libraries of Debian's packages.
pub(crate) fn go_command(file: &Path) -> Command {
    let mut command = Command::new(tool("go"));
    command.arg("run").arg(file);
    command.env("GO111MODULE", "off").env("GOPATH", "/usr/share/gocode").env("GOFLAGS", "");
    command
}

/// The program that a file of C becomes, in this directory.
pub(crate) fn compiled(directory: &TestDirectory, file: &Path) -> PathBuf {
    let name = file.file_stem().expect("it has a name").to_string_lossy();
    let program = directory.file(&format!("{name}.out"));
    let mut compiler = Command::new(tool("cc"));
    compiler.args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(file);
    run(compiler.args(["-lmemcached", "-lhiredis"]));
    program
}

/// Runs a program and returns its output. Panics unless it succeeds.
pub(crate) fn run(command: &mut Command) -> String {
    printed(&command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

/// The output of a program that must have succeeded.
pub(crate) fn printed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}
