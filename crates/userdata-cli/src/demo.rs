//! `userdata demo`: what userdata does, shown and verified step by step on a simulated host.

mod narrator;
mod race;
mod story;

#[cfg(test)]
mod tests;

use std::time::Instant;

use hv_sim::{HostOptions, SimHost};
use userdata_fs::FileStore;

use crate::document;
use crate::failure::Failure;
use crate::output::Output;
use crate::status::Status;

use narrator::{DemoFailed, Narrator};
use story::Story;

pub(crate) fn run(output: Output) -> Result<Status, Failure> {
    let started = Instant::now();
    let scratch = tempfile::Builder::new()
        .prefix("userdata-demo-")
        .tempdir()
        .map_err(Failure::io("make a temporary directory"))?;
    let folder = scratch.path().join("xen");
    std::fs::create_dir(&folder).map_err(Failure::io("make a temporary directory"))?;
    let mut narrator = Narrator::new(!output.is_json());
    let opening = format!("A simulated Xen host, its userdata in {}", folder.display());
    narrator.say(&opening).map_err(failed)?;
    let host = SimHost::new(HostOptions::new(2010));
    let store = FileStore::open(&folder)?;
    Story::new(host, store, &folder)
        .tell(&mut narrator)
        .map_err(failed)?;
    scratch
        .close()
        .map_err(Failure::io("remove the temporary directory"))?;
    let steps = narrator.into_steps();
    if output.is_json() {
        output.show(&document::Demo { steps }, String::new)?;
    } else {
        let seconds = started.elapsed().as_secs_f64();
        let statements: usize = steps.iter().map(|step| step.shown.len()).sum();
        output.write(
            format!(
                "\nDone: {statements} statements in {} steps, each verified, in {seconds:.1} s.\n",
                steps.len()
            )
            .as_bytes(),
        )?;
    }
    Ok(Status::Done)
}

fn failed(error: DemoFailed) -> Failure {
    match error {
        DemoFailed::Output(source) => Failure::Output(source),
        step => Failure::Demo(step.into()),
    }
}
