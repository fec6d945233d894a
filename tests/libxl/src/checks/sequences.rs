//! Sequences of steps, drawn by proptest.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::check::Subject;
use crate::step::{By, Step};
use crate::strategy;
use crate::world;

/// How many shorter sequences are tried when one has failed.
const SHRINKS_MAX: u32 = 4000;

pub(crate) fn in_a_directory_of_its_own_it_does_what_libxl_does(
    subject: &Subject,
) -> Result<String> {
    sequences(subject, "its_own", &[By::Us, By::UsAsLibxl])
}

pub(crate) fn in_one_directory_with_libxl_it_does_what_libxl_alone_does(
    subject: &Subject,
) -> Result<String> {
    sequences(subject, "in_one", &[By::Us, By::UsAsLibxl, By::Libxl])
}

fn sequences(subject: &Subject, check: &str, by: &'static [By]) -> Result<String> {
    let (calls, mut shown) = (Cell::new(0), BTreeMap::<&str, u32>::new());
    for number in 0..subject.cases {
        let seed = subject.seed.wrapping_add(number);
        for name in sequence(&subject.driver, seed, by, &calls, check)? {
            *shown.entry(name).or_default() += 1;
        }
    }
    ensure!(calls.get() > 0, "no call was made");
    let shown: Vec<String> = shown
        .into_iter()
        .map(|(name, times)| format!("{name} {times}"))
        .collect();
    Ok(format!(
        "{} sequences, {} calls; differences: {}",
        subject.cases,
        calls.get(),
        shown.join(", ")
    ))
}

/// Draws the sequence of this seed and takes it; says which differences it showed.
fn sequence(
    driver: &Path,
    seed: u64,
    by: &'static [By],
    calls: &Cell<u64>,
    check: &str,
) -> Result<Vec<&'static str>> {
    // Not the same steps for both checks.
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
    let mut shown = Vec::new();
    let shown_here = std::cell::RefCell::new(&mut shown);
    let ran = runner.run(&strategy::steps(by), |steps| {
        let found = world::take_all(driver, &steps);
        let found = found.map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        let made = steps
            .iter()
            .filter(|step| matches!(step, Step::Call(..)))
            .count();
        calls.set(calls.get() + u64::try_from(made).unwrap_or_default());
        shown_here.borrow_mut().extend(found.into_iter().flatten());
        Ok(())
    });
    match ran {
        Ok(()) => Ok(shown),
        Err(TestError::Fail(why, steps)) => {
            let steps: Vec<String> = steps
                .iter()
                .enumerate()
                .map(|(at, step)| format!("  {at}. {step:?}\n"))
                .collect();
            bail!(
                "the shortest sequence that fails:\n{}{why}\n  replay: cargo xtask xen libxl-diff \
                 --seed {seed} --cases 1 {check}",
                steps.concat()
            )
        }
        Err(TestError::Abort(why)) => bail!("no sequence was drawn: {why}"),
    }
}
