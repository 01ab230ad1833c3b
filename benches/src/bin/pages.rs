//! Writes the generated parts of README and docs: figures, the picture, the list of metrics.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use slabcore_benches::pages::pages;

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    for page in pages(&root)? {
        if page.old != page.new {
            fs::write(&page.path, &page.new)?;
            println!("written: {}", page.path.strip_prefix(&root)?.display());
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    if env::args().len() > 1 {
        println!("Writes what benches/figures.md and the code say into README.md and docs/.");
        println!("Usage: pages");
        return ExitCode::FAILURE;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pages: {error}");
            ExitCode::FAILURE
        }
    }
}
