//! Runs by seed, held against the guarantees, and cut off by power cuts.

use userdata_core::file_name::NameFormat;
use userdata_sim::crash::{CrashModel, NameOrder, Sizes};
use userdata_simulate::checker::{CrashChecked, Tally};
use userdata_simulate::history::{Event, Response};
use userdata_simulate::scenario::{Mix, Run, Scenario, Tracing};
use userdata_simulate::schedule::Seeded;
use userdata_simulate::shrink::shrink;
use userdata_simulate::walk::Report;

const MODELS: [CrashModel; 2] = [
    CrashModel {
        names: NameOrder::Journalled,
        sizes: Sizes::FollowBytes,
    },
    CrashModel {
        names: NameOrder::Weak,
        sizes: Sizes::Vary,
    },
];

/// Every call can fail.
const FAULTS: &str = "power,libxl=0,faults=12,misanswers=6,kills=10,power_cuts=0";

/// The mix `all` without what was added to it later.
const ALL: &str = "all,settles=0,hides=0";

/// Domains come and go.
pub(crate) const LIFE: &str =
    "power,libxl=2,toolstack=6,destroys=100,faults=0,kills=10,power_cuts=0";

fn run(scenario: &Scenario) -> Run {
    let mut choices = Seeded::new(scenario.seed);
    scenario.run(&mut choices, Tracing::Off).unwrap()
}

fn is_batch(event: &&Event) -> bool {
    matches!(
        event,
        Event::Responded {
            response: Response::Userdata(Report::StoredEach(_)),
            ..
        }
    )
}

#[test]
fn runs_of_every_mix_keep_the_guarantees() {
    let (mut all, mut boots) = (Tally::default(), 0);
    let (mut trees, mut batches) = (0, 0);
    for name in Mix::NAMES {
        let mix: Mix = name.parse().unwrap();
        for seed in 0..120 {
            let scenario = Scenario::draw(seed, &mix);
            for (scenario, run) in run(&scenario).parts(&scenario) {
                trees += u32::from(scenario.format == NameFormat::Tree);
                batches += run.history.events.iter().filter(is_batch).count();
                let checked = run.check(scenario).unwrap();
                if let Some(complaint) = checked.complaints.first() {
                    panic!("{name}, seed {seed}: {complaint}of\n{}", run.history);
                }
                all.add(checked.tally);
                boots += u32::from(run.began.host.boots() > 1);
            }
        }
    }
    assert!(boots > 30, "{boots}");
    assert!(trees > 60 && batches > 100, "{trees} {batches}");
    assert!(all.operations > 30_000 && all.accesses > 30_000, "{all}");
    assert_eq!(all.too_many_at_once, 0);
    // Each excuse is used.
    assert!(all.locks_broken > 50 && all.left_by_libxl > 5, "{all}");
    assert!(all.left_for_a_sweep > 20 && all.left_over > 5, "{all}");
}

/// Seeds in which an earlier checker, which knew less about real libxl, found faults.
#[test]
fn what_real_libxl_does_in_rare_runs_is_known() {
    let seeds = [
        (FAULTS, 1210),
        (LIFE, 1152),
        (LIFE, 1285),
        (ALL, 1126),
        (ALL, 1191),
        (ALL, 1286),
    ];
    for (name, seed) in seeds {
        let scenario = Scenario::draw(seed, &name.parse().unwrap());
        let run = run(&scenario);
        let checked = run.check(&scenario).unwrap();
        let crashes = run.check_crashes(&scenario, &MODELS, 100).unwrap();
        let mut complaints = checked.complaints.iter().chain(&crashes.complaints);
        if let Some(complaint) = complaints.next() {
            panic!("{name}, seed {seed}: {complaint}of\n{}", run.history);
        }
    }
}

#[test]
fn power_cuts_at_the_end_of_runs_break_no_guarantee() {
    let (mut all, mut wrong) = (CrashChecked::default(), Vec::new());
    for name in ["power", "threads", "all", "tree"] {
        let mix: Mix = name.parse().unwrap();
        for seed in 0..20 {
            let scenario = Scenario::draw(seed, &mix);
            let run = run(&scenario);
            let checked = run.check_crashes(&scenario, &MODELS, 100).unwrap();
            let complaints = checked.complaints.iter();
            wrong.extend(complaints.map(|complaint| format!("{name}, seed {seed}: {complaint}")));
            all.add(checked);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(all.states > 1_000 && all.recovered > 100, "{all}");
}

#[test]
fn the_leak_of_real_libxl_shrinks_to_a_store_and_a_destroy() {
    let mix: Mix = LIFE.parse().unwrap();
    let leaks = |scenario: &Scenario| {
        let run = run(scenario);
        run.check(scenario).unwrap().tally.left_by_libxl > 0
    };
    let leaking = (0..200)
        .map(|seed| Scenario::draw(seed, &mix))
        .find(|scenario| leaks(scenario))
        .unwrap();
    let shrunk = shrink(leaking.clone(), 5_000, leaks);
    assert_eq!(shrunk, shrink(leaking.clone(), 5_000, leaks));
    assert!(leaks(&shrunk.smallest));
    let tasks = |scenario: &Scenario| scenario.processes.iter().map(|p| p.tasks.len()).sum();
    let (before, after): (usize, usize) = (tasks(&leaking), tasks(&shrunk.smallest));
    assert!(
        before == 160 && after < 20,
        "{after} of {before} are left:\n{}",
        shrunk.smallest
    );
}

#[test]
fn a_history_as_text_is_the_same_for_equal_runs() {
    let mix: Mix = "all".parse().unwrap();
    let scenario = Scenario::draw(3, &mix);
    let (one, two) = (run(&scenario).history, run(&scenario).history);
    assert_eq!(one.to_string(), two.to_string());
    assert_eq!(one.to_string().lines().count(), one.events.len());
}
