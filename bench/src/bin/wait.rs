//! One of the processes that compete for a lock: see `waiting.rs`.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use userdata_bench::waiting::wait_in_process;

fn main() -> Result<()> {
    let directory = env::args_os().nth(1).context("no directory")?;
    wait_in_process(&PathBuf::from(directory))
}
