//! Sequences of steps, drawn by proptest.

use std::cell::RefCell;
use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::check::Subject;
use crate::libxl::Driver;
use crate::step::{By, Step};
use crate::strategy;
use crate::world;

/// How many shorter sequences are tried after a failure.
const SHRINKS_MAX: u32 = 4000;

pub(crate) fn in_a_separate_directory_the_library_does_what_libxl_does(
    subject: &Subject,
) -> Result<String> {
    sequences(subject, "separate", &[By::Us, By::UsAsLibxl])
}

pub(crate) fn in_a_shared_directory_the_library_does_what_libxl_does(
    subject: &Subject,
) -> Result<String> {
    sequences(subject, "shared", &[By::Us, By::UsAsLibxl, By::Libxl])
}

/// The shared directory is that of a host on which only some programs have the drop-in.
pub(crate) fn with_the_drop_in_a_program_sees_what_libxl_does(subject: &Subject) -> Result<String> {
    sequences(
        subject,
        "with_the_drop_in",
        &[By::DropIn, By::DropIn, By::Libxl],
    )
}

fn sequences(subject: &Subject, check: &str, by: &'static [By]) -> Result<String> {
    let (mut calls, mut shown) = (0, BTreeMap::<&str, u32>::new());
    for number in 0..subject.cases {
        let seed = subject.seed.wrapping_add(number);
        let taken = sequence(&subject.driver, seed, by, check)?;
        calls += taken.calls;
        for name in taken.shown {
            *shown.entry(name).or_default() += 1;
        }
    }
    ensure!(calls > 0, "no call was made");
    let shown: Vec<String> = shown
        .into_iter()
        .map(|(name, times)| format!("{name} {times}"))
        .collect();
    Ok(format!(
        "{} sequences, {calls} calls; differences: {}",
        subject.cases,
        shown.join(", ")
    ))
}

/// The result of a sequence.
#[derive(Default)]
struct Taken {
    calls: usize,
    /// The names of the differences that it showed.
    shown: Vec<&'static str>,
}

/// Draws the sequence of this seed, and takes its steps.
fn sequence(driver: &Driver, seed: u64, by: &'static [By], check: &str) -> Result<Taken> {
    // The checks' names make their sequences differ.
    let numbers = seed.to_le_bytes().into_iter().chain(check.bytes());
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(numbers) {
        *to = from;
    }
    let config = Config {
        cases: 1,
        failure_persistence: None,
        max_shrink_iters: SHRINKS_MAX,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let taken = RefCell::new(Taken::default());
    let ran = runner.run(&strategy::steps(by), |steps| {
        let shown = world::take_all(driver, &steps)
            .map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        let is_call = |step: &&Step| matches!(step, Step::Call(..));
        taken.replace(Taken {
            calls: steps.iter().filter(is_call).count(),
            shown: shown.concat(),
        });
        Ok(())
    });
    match ran {
        Ok(()) => Ok(taken.into_inner()),
        Err(TestError::Fail(why, steps)) => {
            let steps: Vec<String> = steps
                .iter()
                .enumerate()
                .map(|(at, step)| format!("  {at}. {step:?}\n"))
                .collect();
            let (task, steps) = match by {
                [By::DropIn, ..] => ("capi test", steps.concat()),
                _ => ("xen libxl-diff", steps.concat()),
            };
            bail!(
                "the shortest sequence that fails:\n{steps}{why}\n  replay: cargo xtask {task} \
                 --seed {seed} --cases 1 {check}"
            )
        }
        Err(TestError::Abort(why)) => bail!("no sequence was drawn: {why}"),
    }
}
