//! Counts instructions per request under callgrind and compares them with a table.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::{Arg, Command as CommandLine, value_parser};
use slabcore_benches::instructions::instruction_loads::{
    COUNTED_FUNCTION, DEPTHS, InstructionLoad, LOADS,
};
use slabcore_benches::instructions::instruction_table::InstructionTable;

fn command_line() -> CommandLine {
    let table = || Arg::new("table").required(true).value_parser(value_parser!(PathBuf));
    CommandLine::new("instructions")
        .about("Counts instructions per request; needs valgrind.")
        .subcommand_required(true)
        .subcommand(CommandLine::new("check").about("Compare with a table").arg(table()))
        .subcommand(CommandLine::new("update").about("Write the table").arg(table()))
        .subcommand(CommandLine::new("run").about("Only run the loads, for callgrind to watch"))
}

/// Runs the loads in the order of their counts.
fn run_loads() {
    for load in LOADS {
        for depth in DEPTHS {
            load.run(depth);
        }
    }
}

/// Runs this program under callgrind.
fn count() -> Result<InstructionTable, Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("slabcore-instructions-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let counts = counts_in(&folder);
    fs::remove_dir_all(&folder)?;
    let counts = counts?;
    if counts.len() != LOADS.len() * DEPTHS.len() {
        return Err(format!("callgrind counted {} loads", counts.len()).into());
    }
    let rows = LOADS.iter().zip(counts.chunks(DEPTHS.len())).map(|(load, counts)| {
        let counts = counts.iter().zip(DEPTHS);
        let each = counts.map(|(&all, depth)| all as f64 / InstructionLoad::requests(depth) as f64);
        (load.name.to_owned(), each.collect())
    });
    let columns = DEPTHS.map(|depth| format!("{depth} per write")).to_vec();
    Ok(InstructionTable { columns, rows: rows.collect() })
}

/// The instructions of each call of the counted function, in order. Callgrind leaves one file per
/// call in the folder.
fn counts_in(folder: &Path) -> Result<Vec<u64>, Box<dyn Error>> {
    let output = folder.join("counts");
    // Valgrind counts a string instruction once for each byte that it moves. So glibc is set to
    // copy with vectors at every length.
    let tunables =
        ["movsb", "stosb"].map(|name| format!("glibc.cpu.x86_rep_{name}_threshold=1000000000"));
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={COUNTED_FUNCTION}"))
        .arg(format!("--dump-after={COUNTED_FUNCTION}"))
        .arg(format!("--callgrind-out-file={}", output.display()))
        .arg(std::env::current_exe()?)
        .arg("run")
        .env("GLIBC_TUNABLES", tunables.join(":"))
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    if !status.success() {
        return Err(format!("under valgrind: {status}").into());
    }
    let mut counts = Vec::new();
    while let Ok(text) = fs::read_to_string(format!("{}.{}", output.display(), counts.len() + 1)) {
        counts.push(total(&text).ok_or("callgrind's output names no totals")?);
    }
    Ok(counts)
}

/// The instructions of one callgrind file.
fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

fn check(path: &Path) -> Result<(), Box<dyn Error>> {
    let table = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let table = InstructionTable::parse(&table);
    let table = table.ok_or_else(|| format!("{}: no table is in it", path.display()))?;
    let differences = table.differences(&count()?);
    if differences.is_empty() {
        return Ok(());
    }
    Err(format!(
        "instructions per request differ from {}:\n{differences}\
         if they should, run: benches/count-instructions --update",
        path.display()
    )
    .into())
}

fn main() -> ExitCode {
    let matches = command_line().get_matches();
    let path = |matches: &clap::ArgMatches| -> PathBuf {
        matches.get_one("table").cloned().expect("it is required")
    };
    let result = match matches.subcommand() {
        Some(("check", matches)) => check(&path(matches)),
        Some(("update", matches)) => {
            count().and_then(|table| fs::write(path(matches), table.text()).map_err(Box::from))
        }
        _ => {
            run_loads();
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}
