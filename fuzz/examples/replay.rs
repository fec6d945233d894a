//! Runs a target on inputs, on any compiler: `replay TARGET FILE|FOLDER...`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use userdata_fuzz::TARGETS;

fn main() -> io::Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some((_, target)) = TARGETS.iter().find(|(known, _)| name == *known) else {
        writeln!(io::stderr(), "there is no target {}", name.display())?;
        return Ok(ExitCode::FAILURE);
    };
    let mut inputs = Vec::new();
    for argument in arguments {
        collect(Path::new(&argument), &mut inputs)?;
    }
    for input in &inputs {
        target(&fs::read(input)?);
    }
    writeln!(
        io::stdout(),
        "{} passes {} inputs",
        name.display(),
        inputs.len()
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The file, or the files of the folder.
fn collect(path: &Path, inputs: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        inputs.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        inputs.push(entry?.path());
    }
    Ok(())
}
