use std::env;
use std::process::Command;

use slabcore_testkit::terminal::Terminal;

use super::*;

/// Set in a second process that runs the second test on a terminal.
const PANICS: &str = "SLABCORE_TOOL_TEST_PANICS";

/// A release build ends at the panic: no destructor runs, and the hook has to do all of it.
#[test]
fn a_panic_restores_the_terminal() {
    let mut terminal = Terminal::new(80, 24);
    let name = "live::live::tests::this_panics_on_a_terminal";
    let status = Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(PANICS, "1")
        .stdin(terminal.programs())
        .stdout(terminal.programs())
        .stderr(terminal.programs())
        .status()
        .unwrap();
    assert!(!status.success());
    let before = terminal.read_until("as asked for");
    let (_, screen) = before.split_once("\x1b[?1049h").expect("the alternate screen");
    let (_, after) = screen.split_once("\x1b[?1049l").expect("the screen is left before the text");
    assert!(after.contains("\x1b[?25h"), "the cursor is shown: {after:?}");
}

#[test]
fn this_panics_on_a_terminal() {
    if env::var_os(PANICS).is_some() {
        let mut terminal = take_terminal().unwrap();
        terminal.hide_cursor().unwrap();
        panic!("as asked for");
    }
}
