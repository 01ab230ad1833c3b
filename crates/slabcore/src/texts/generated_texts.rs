//! `--generate`: the man page and completions for shells, made from the tables of options.

use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::options::{
    self, ENVIRONMENT, SUBOPTIONS, SuboptionEffect, SuboptionRow, TLS_SUBOPTIONS,
};
use crate::refusal::Refusal;

/// The name of the program in completions.
const PROGRAM: &str = "slabcore";

/// The date of the man page's last change.
const PAGE_DATE: &str = "2026-11-30";

/// The effects of signals.
const SIGNALS: &[(&str, &str)] = &[
    ("SIGTERM, SIGINT, SIGUSR1", "finish replies and stop; see --drain"),
    ("SIGUSR2", "start the program again, which takes over items and connections (needs -e)"),
    ("SIGHUP", "read the file of users (-Y) and the TLS certificate and key again"),
];

/// The text with this name: `man`, `bash`, `zsh` or `fish`.
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

/// Exit statuses, which are memcached's.
const EXIT_STATUSES: &[(&str, &str)] = &[
    ("0", "a signal or a client stopped the server; or -h, -i, -V, --generate"),
    ("1", "an unknown option or a bad value; or a second signal during the stop"),
    ("64", "contradicting options, a value out of range, or root without -u"),
    ("67", "the user of -u does not exist"),
    ("71", "the system refuses a socket, a limit, memory or a change of user"),
];

fn completions(shell: Shell) -> String {
    let mut text = Vec::new();
    generate(shell, &mut options::completed(), PROGRAM, &mut text);
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

/// The sections after the options.
fn further_sections() -> Roff {
    let mut page = Roff::new();
    page.control("SH", ["EXTENDED OPTIONS"]);
    page.text([roman("The values of -o, as in memcached.")]);
    for row in SUBOPTIONS {
        entry(&mut page, row.name, &effect(row));
    }
    let sections = [
        ("EXTENDED OPTIONS OF TLS", TLS_SUBOPTIONS),
        ("SIGNALS", SIGNALS),
        ("EXIT STATUS", EXIT_STATUSES),
        ("ENVIRONMENT", ENVIRONMENT),
    ];
    for (heading, entries) in sections {
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
        ("track_sizes", _) => "count items by size, for stats sizes".into(),
        ("no_lru_crawler", _) => {
            "start with the crawler off, as after \"lru_crawler disable\"".into()
        }
        (_, SuboptionEffect::Works) => "accepted; it is always so".into(),
        (_, SuboptionEffect::Ignored(why)) => {
            format!("accepted with a warning and kept for stats settings, without effect: {why}")
        }
        (_, SuboptionEffect::Partly { does, why }) => {
            format!("accepted with a warning; it only {does}: {why}")
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
        let suboptions = SUBOPTIONS.iter().map(|row| row.name);
        for name in suboptions.chain(TLS_SUBOPTIONS.iter().map(|(name, _)| *name)) {
            assert!(page.contains(&format!("\\fB{name}\\fR")), "{name}");
        }
    }

    /// groff and mandoc, where installed, find no error.
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

    /// Completion in bash, where installed.
    #[test]
    fn bash_completes() {
        let check = |typed: &str, expected: &str| {
            let script = format!(
                "{}\nCOMP_WORDS=(slabcore {typed}); COMP_CWORD=1\n\
                 _slabcore slabcore {typed} slabcore; echo \"${{COMPREPLY[*]}}\"",
                named("bash").unwrap()
            );
            let Ok(output) = Command::new("bash").args(["-uec", &script]).output() else { return };
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{typed}");
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), expected, "{typed}");
        };
        check("--max-i", "--max-item-size");
        check("--shard", "--shard-ports");
        check(
            "--enable-",
            "--enable-shutdown --enable-coredumps --enable-largepages --enable-sasl --enable-ssl",
        );
    }

    /// bash has `compopt` only while it completes.
    #[test]
    fn bash_completes_values() {
        let script = format!(
            "{}\ncompopt() {{ :; }}; COMP_WORDS=(slabcore --log-format j); COMP_CWORD=2\n\
             _slabcore slabcore j --log-format; echo \"${{COMPREPLY[*]}}\"",
            named("bash").unwrap()
        );
        let Ok(output) = Command::new("bash").args(["-uec", &script]).output() else { return };
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), "json");
    }

    #[test]
    fn completions_have_the_words_that_options_take() {
        for shell in ["bash", "zsh", "fish"] {
            let text = named(shell).unwrap();
            for word in ["binary", "epoll", "json", "zsh"] {
                assert!(text.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn completions_name_every_option() {
        for shell in ["bash", "zsh", "fish"] {
            let text = named(shell).unwrap();
            let names = OPTIONS.iter().map(|row| row.id).filter(|&id| id != DELIMITER);
            for name in names.chain(["help", "license", "version"]) {
                // fish has "-l name", the others "--name".
                let long = [format!("--{name}"), format!("-l {name}")];
                assert!(long.iter().any(|long| text.contains(long)), "{shell}: {name}");
            }
        }
        let refusal = named("html").unwrap_err();
        assert_eq!(refusal.exit_code, 64);
    }
}
