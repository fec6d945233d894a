//! The command as it is called.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn simulate(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulate"));
    command.args(args).output().expect("the command starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it writes text")
}

#[test]
fn two_replays_of_a_seed_are_the_same_to_the_byte() {
    for case in ["7", "fault:7"] {
        let args = ["replay", case, "--mix", "all"];
        let (once, again) = (simulate(&args), simulate(&args));
        assert!(once.stdout.len() > 200, "{}", text(&once.stdout));
        assert!(once.stdout == again.stdout, "two replays of {case} differ");
        assert_eq!(once.status, again.status);
    }
}

#[test]
fn a_run_is_kept_and_shown_on_a_page_that_needs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let found = folder.path().join("found.json");
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let run = simulate(&[
        "run",
        "--only",
        "history",
        "--mix",
        "power",
        "--seeds",
        "3..5",
        "--jobs",
        "2",
        "--out",
        &path(&found),
    ]);
    assert!(run.status.success(), "{}", text(&run.stdout));
    let shown = text(&run.stdout);
    assert!(shown.contains("history   2 cases"), "{shown}");
    assert!(
        shown.contains("crash states checked, 0 failures"),
        "{shown}"
    );
    let report = simulate(&["report", &path(&found)]);
    assert!(report.status.success());
    let page = fs::read_to_string(found.with_extension("html")).unwrap();
    assert!(page.contains("Every guarantee held."));
    assert!(page.contains("<th>Clear</th>"), "no coverage");
    for fetched in ["http", "src=", "@import", "url("] {
        assert!(
            !page.contains(fetched),
            "the page fetches something: {fetched}"
        );
    }
    let held = simulate(&["report", &path(&found), "--hold", "results"]);
    assert_eq!(held.status.code(), Some(1), "not all families were run");
    assert!(text(&held.stdout).contains("MISSED  every pair of faults"));
    let none = folder.path().join("canaries.json");
    fs::write(&none, "[]").unwrap();
    let hunted = simulate(&["report", &path(&found), "--canaries", &path(&none)]);
    assert!(text(&hunted.stdout).contains("MISSED  planted bugs that were found: 0"));
}

#[test]
fn unknown_cases_and_mixes_and_empty_seeds_are_refused() {
    for args in [
        &["replay", "crash"][..],
        &["replay", "crush:1"],
        &["replay", "1", "--mix", "all,kils=1"],
        &["run", "--seeds", "1-2"],
        &["run", "--only", "everything"],
        // No seed at all would pass without a check.
        &["run", "--seeds", "5..1"],
        &["run", "--seeds", "5..5"],
        &["run", "--minutes", "0"],
        &["replay", "crash:999999"],
        &["replay", "schedule:999999"],
        &["report", "missing.json"],
    ] {
        assert_eq!(simulate(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn what_was_found_is_shown_although_it_cannot_be_kept() {
    let some = ["run", "--only", "history", "--seeds", "3..4", "--out"];
    let full = simulate(&[&some[..], &["/dev/full"]].concat());
    assert_eq!(full.status.code(), Some(2), "no guarantee was broken");
    assert!(text(&full.stdout).contains("history   1 case"));
    let nowhere = simulate(&[&some[..], &["/dev/null/found.json"]].concat());
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(nowhere.stdout.is_empty(), "it ran before it looked");
}

#[test]
fn a_run_ends_when_its_time_is_up() {
    let run = simulate(&[
        "run",
        "--only",
        "history",
        "--mix",
        "power",
        "--minutes",
        "0.01",
    ]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert!(text(&run.stdout).contains(" operations, "));
}
