//! Runs by seed: deterministic to the byte, and everything that is to happen in them happens.

use std::fmt::Write as _;
use std::process::Command;

use crate::checked::LIFE;
use userdata_sim::random::Random;
use userdata_simulate::actor::Counts;
use userdata_simulate::history::{Event, LibxlBug};
use userdata_simulate::scenario::{Mix, Scenario, Tracing};
use userdata_simulate::schedule::{Bytes, Ending, Recorded, Seeded};

/// Names the file to which another process writes what it saw.
const ELSEWHERE: &str = "USERDATA_SIM_TRACE";

fn trace(seed: u64, mix: &Mix) -> String {
    let scenario = Scenario::draw(seed, mix);
    let run = scenario.run(&mut Seeded::new(seed), Tracing::On).unwrap();
    let mut text = scenario.to_string();
    for line in &run.trace {
        writeln!(text, "{line}").unwrap();
    }
    for event in &run.history.events {
        writeln!(text, "{event:?}").unwrap();
    }
    write!(
        text,
        "{:?} {:?}\n{}",
        run.end,
        run.counts,
        run.storage.tree()
    )
    .unwrap();
    text
}

#[test]
fn two_runs_of_a_seed_are_equal_to_the_byte_in_two_processes_too() {
    let all = || -> String {
        let of_name = |name: &&str| -> String {
            let mix = name.parse().unwrap();
            (7..10).map(|seed| trace(seed, &mix)).collect()
        };
        Mix::NAMES.iter().map(of_name).collect()
    };
    if let Some(path) = std::env::var_os(ELSEWHERE) {
        std::fs::write(path, all()).unwrap();
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "schedules::two_runs_of_a_seed_are_equal_to_the_byte_in_two_processes_too",
        ])
        .env(ELSEWHERE, file.path())
        .output()
        .unwrap();
    assert!(child.status.success());
    let (here, again) = (all(), all());
    assert!(here.lines().count() > 10_000);
    assert!(here == again, "two runs differ");
    assert!(
        here == std::fs::read_to_string(file.path()).unwrap(),
        "two processes differ"
    );
}

#[test]
fn whatever_a_mix_has_happens() {
    let (mut all, mut ends, mut bugs, mut planted) = (Counts::default(), [0; 2], [0; 2], 0);
    let mut unguarded = 0;
    for seed in 0..200 {
        let mix: Mix = "all,processes=3,tasks=15".parse().unwrap();
        let scenario = Scenario::draw(seed, &mix);
        let run = scenario.run(&mut Seeded::new(seed), Tracing::Off).unwrap();
        let counts = run.counts;
        all.operations += counts.operations;
        all.calls += counts.calls;
        all.faults += counts.faults;
        all.kills += counts.kills;
        all.host_events += counts.host_events;
        all.preemptions += counts.preemptions;
        ends[0] += u32::from(run.end == Ending::Quiet);
        ends[1] += u32::from(run.end == Ending::PowerCut);
        for event in &run.history.events {
            match event {
                Event::Libxl { bug, .. } => match bug {
                    LibxlBug::UnlinksWithoutHolding => bugs[0] += 1,
                    _ => bugs[1] += 1,
                },
                Event::Planted { .. } => planted += 1,
                Event::Unguarded { .. } => unguarded += 1,
                _ => {}
            }
        }
    }
    assert_eq!(ends[0] + ends[1], 200, "none is endless");
    assert!(ends[0] > 100 && ends[1] > 10, "{ends:?}");
    assert!(
        bugs[0] > 0 && bugs[1] > 0 && planted > 10 && unguarded > 0,
        "{bugs:?} {planted} {unguarded}"
    );
    assert!(all.operations > 5_000 && all.preemptions > 2_000, "{all:?}");
    assert!(
        all.faults > 100 && all.kills > 20 && all.host_events > 500,
        "{all:?}"
    );
}

#[test]
fn threads_of_one_process_line_up() {
    let (mut waited, mut served, mut late) = (0, 0, 0);
    for seed in 0..60 {
        let mix: Mix = "threads,tasks=15".parse().unwrap();
        let scenario = Scenario::draw(seed, &mix);
        let run = scenario.run(&mut Seeded::new(seed), Tracing::On).unwrap();
        assert_eq!(run.end, Ending::Quiet);
        let complaints = run.check(&scenario).unwrap().complaints;
        assert!(complaints.is_empty(), "seed {seed}: {complaints:?}");
        for line in &run.trace {
            waited += u32::from(line.text.starts_with("await_turn "));
            served += u32::from(line.text.starts_with("give_turn "));
            late += u32::from(line.text.contains("held it for"));
        }
    }
    assert!(waited > 100 && served > 100, "{waited} {served}");
    assert!(late > 0, "no thread was too late");
}

#[test]
fn bytes_are_schedules_and_none_of_them_is_endless() {
    let crowd = "power,libxl=0,toolstack=0,domains=1,userids=2,faults=0,kills=5,power_cuts=0";
    let mix: Mix = format!("{crowd},processes=3,tasks=4").parse().unwrap();
    let scenario = Scenario::draw(1, &mix);
    let mut random = Random::new(1);
    let mut ends = [0; 2];
    for _ in 0..100 {
        let mut byte = || u8::try_from(random.draw() >> 56).unwrap();
        let bytes: Vec<u8> = (0..200).flat_map(|_| [byte() % 4, byte()]).collect();
        let run = scenario.run(&mut Bytes::new(&bytes), Tracing::Off).unwrap();
        assert_ne!(run.end, Ending::Endless);
        ends[usize::from(run.end == Ending::PowerCut)] += 1;
    }
    assert!(ends[0] > 50 && ends[1] > 2, "{ends:?}");
}

/// Real libxl, which waited for the lock of a domain that is gone, clears the data of the next one
/// with its domid, temporary files included. A store that met this used to report that the
/// directory is not there.
#[test]
fn a_store_without_its_temporary_file_reports_a_lost_lock() {
    let mix: Mix = LIFE.parse().unwrap();
    let mut lost = 0;
    for seed in 100_200..100_400 {
        let scenario = Scenario::draw(seed, &mix);
        let run = scenario.run(&mut Seeded::new(seed), Tracing::On).unwrap();
        let complaints = run.check(&scenario).unwrap().complaints;
        assert!(complaints.is_empty(), "{complaints:?}");
        let says = |text: &str| run.trace.iter().any(|line| line.text.contains(text));
        assert!(!says("no such directory"), "seed {seed}");
        lost += u32::from(says("lock was broken"));
    }
    assert!(lost > 0);
}

#[test]
fn the_decisions_of_a_run_give_the_same_run() {
    let mix: Mix = "all,processes=3,tasks=15".parse().unwrap();
    for seed in 0..50 {
        let scenario = Scenario::draw(seed, &mix);
        let run = scenario.run(&mut Seeded::new(seed), Tracing::On).unwrap();
        let again = scenario
            .run(&mut Recorded::new(&run.decisions), Tracing::On)
            .unwrap();
        assert_eq!(again.trace, run.trace);
        assert_eq!(again.decisions, run.decisions);
    }
}
