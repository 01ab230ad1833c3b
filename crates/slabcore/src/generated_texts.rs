//! `--generate`: the man page and the shells' completions, from the table that `-h` prints.

use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::ending_texts::ENVIRONMENT;
use crate::options;
use crate::refusal::Refusal;
use crate::suboption_rows::{SUBOPTIONS, SuboptionEffect, SuboptionRow};

/// Name of the program wherever it is installed.
const PROGRAM: &str = "slabcore";

/// When what the man page says last changed.
const PAGE_DATE: &str = "2026-11-21";

/// What signals do.
const SIGNALS: &[(&str, &str)] = &[
    ("SIGTERM, SIGINT, SIGUSR1", "send the replies that are under way, and stop; see --drain"),
    ("SIGHUP", "read the file of users (-Y) again"),
];

/// The text of this name.
pub(crate) fn named(name: &str) -> Result<String, Refusal> {
    match name {
        "man" => Ok(man_page()),
        "bash" => Ok(completions(Shell::Bash)),
        "zsh" => Ok(completions(Shell::Zsh)),
        "fish" => Ok(completions(Shell::Fish)),
        _ => Err(Refusal::usage(format!(
            "Invalid text to generate: {name}\n -- should be one of man, bash, zsh, or fish"
        ))),
    }
}

fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    generate(shell, &mut options::described(), PROGRAM, &mut text);
    String::from_utf8(text).expect("clap writes UTF-8")
}

fn man_page() -> String {
    let command = options::described().about(env!("CARGO_PKG_DESCRIPTION"));
    let man = Man::new(command).title("SLABCORE").date(PAGE_DATE).manual("User Commands");
    let mut text = Vec::new();
    let written = man
        .render_title(&mut text)
        .and_then(|()| man.render_name_section(&mut text))
        .and_then(|()| man.render_synopsis_section(&mut text))
        .and_then(|()| man.render_options_section(&mut text))
        .and_then(|()| further_sections().to_writer(&mut text));
    written.expect("memory takes all bytes");
    String::from_utf8(text).expect("clap writes UTF-8")
}

/// What clap does not know.
fn further_sections() -> Roff {
    let mut page = Roff::new();
    page.control("SH", ["EXTENDED OPTIONS"]);
    page.text([roman("What memcached takes behind -o, but for TLS and external storage.")]);
    for row in SUBOPTIONS {
        entry(&mut page, row.name, &effect(row));
    }
    for (heading, entries) in [("SIGNALS", SIGNALS), ("ENVIRONMENT", ENVIRONMENT)] {
        page.control("SH", [heading]);
        for (name, help) in entries {
            entry(&mut page, name, help);
        }
    }
    page
}

fn entry(page: &mut Roff, name: &str, text: &str) {
    page.control("TP", []).text([bold(name)]).text([roman(text)]);
}

fn effect(row: &SuboptionRow) -> String {
    match (row.name, row.effect) {
        ("idle_timeout", _) => {
            "seconds after which idle clients are closed (default: 0, never)".into()
        }
        ("maxconns_fast", _) => "refuse connections beyond -c at once (default)".into(),
        ("no_maxconns_fast", _) => "let connections beyond -c wait until others end".into(),
        (_, SuboptionEffect::Silent) => "accepted; it is so anyway".into(),
        (_, SuboptionEffect::NotYet) => "accepted with a warning; without effect yet".into(),
        (_, SuboptionEffect::Meaningless(why)) => {
            format!("accepted with a warning, without effect: {why}")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::options::{DELIMITER, OPTIONS};

    #[test]
    fn the_man_page_names_every_option() {
        let page = named("man").unwrap().replace("\\-", "-");
        for row in OPTIONS {
            let long = format!("--{}", row.id);
            assert!(row.id == DELIMITER || page.contains(&long), "{}", row.id);
            if let Some(short) = row.short {
                assert!(page.contains(&format!("-{short}")), "-{short}");
            }
        }
        for name in SUBOPTIONS.iter().map(|row| row.name) {
            assert!(page.contains(name), "{name}");
        }
    }

    /// Where groff or mandoc is installed, it finds nothing to complain about.
    #[test]
    fn the_man_page_is_clean() {
        let page = named("man").unwrap();
        let checks: [(&str, &[&str]); 2] =
            [("groff", &["-man", "-ww", "-z", "-Tutf8"]), ("mandoc", &["-Tlint", "-Wwarning"])];
        for (program, words) in checks {
            let mut command = Command::new(program);
            command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let Ok(mut child) = command.spawn() else { continue };
            child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            assert_eq!(String::from_utf8_lossy(&said), "", "{program}");
        }
    }

    #[test]
    fn completions_name_options_of_both_kinds() {
        for shell in ["bash", "zsh", "fish"] {
            let text = named(shell).unwrap();
            for name in ["max-item-size", "metrics-listen", "generate"] {
                assert!(text.contains(name), "{shell}: {name}");
            }
        }
        let refusal = named("html").unwrap_err();
        assert_eq!(refusal.exit_code, 64);
    }
}
