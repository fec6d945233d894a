//! The documents of `--json`: every example of `docs/json.md` is what the command writes.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::sandbox::{Ran, Sandbox, USERDATA, WEB};

const MANUAL: &str = include_str!("../../docs/json.md");
const DEFINITIONS: &str = include_str!("../../src/document.rs");
const OF_POOLS: &str = include_str!("../../src/document/pool.rs");

/// A fenced block: its language and text.
fn blocks() -> Vec<(&'static str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut inside = false;
    for line in MANUAL.lines() {
        match line.strip_prefix("```") {
            Some(language) => {
                inside = !inside;
                if inside {
                    blocks.push((language, String::new()));
                }
            }
            None if inside => {
                let (_, text) = blocks.last_mut().unwrap();
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// Whether a document is the example, but for `...` and times.
fn is_as(example: &Value, written: &Value) -> bool {
    match (example, written) {
        (Value::String(dots), _) if dots == "..." => true,
        (Value::Array(examples), Value::Array(all)) => match examples.split_last() {
            Some((Value::String(dots), first)) if dots == "..." => {
                first.len() < all.len() && first.iter().zip(all).all(|(a, b)| is_as(a, b))
            }
            _ => examples.len() == all.len() && examples.iter().zip(all).all(|(a, b)| is_as(a, b)),
        },
        (Value::Object(example), Value::Object(written)) => {
            example.len() == written.len()
                && example.iter().all(|(key, value)| match written.get(key) {
                    Some(Value::String(time)) if key == "modified" => is_time(time),
                    Some(there) => is_as(value, there),
                    None => false,
                })
        }
        (example, written) => example == written,
    }
}

fn is_time(text: &str) -> bool {
    let digits = text
        .bytes()
        .map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    digits.eq(*b"0000-00-00T00:00:00Z")
}

#[test]
fn every_example_of_the_manual_is_what_the_command_writes() {
    let sandbox = Sandbox::new();
    let folder = Path::new(USERDATA).parent().unwrap();
    let mut path = OsString::from(folder);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let mut examples = 0;
    let mut setup = String::new();
    let mut written = None;
    for (language, text) in blocks() {
        match language {
            "sh" if text.starts_with("export ") => setup.push_str(&text),
            "sh" => {
                let script = format!("{setup}{text}");
                let mut command = Command::new("sh");
                command.args(["-c", &script]).current_dir(sandbox.path(""));
                command
                    .env("PATH", &path)
                    .env_remove("USERDATA_DIR")
                    .env_remove("USERDATA_LAYOUT");
                written = Some((text, Ran::from(command.output().unwrap())));
            }
            "json" => {
                let (commands, ran) = written.take().expect("commands before each document");
                let example: Value = serde_json::from_str(&text).unwrap();
                let last = ran.text().lines().last().unwrap_or_default();
                let document: Value = serde_json::from_str(last)
                    .unwrap_or_else(|error| panic!("{commands}{error}: {ran:?}"));
                assert!(is_as(&example, &document), "{commands}{document:#}");
                examples += 1;
            }
            other => panic!("a block of {other:?}"),
        }
    }
    assert!(written.is_none());
    assert!(examples >= 10, "{examples}");
}

#[test]
fn every_document_has_an_example_in_the_manual() {
    let schemas: Vec<_> = DEFINITIONS
        .lines()
        .filter_map(|line| line.split("rename = \"").nth(1)?.split('"').next())
        .collect();
    assert!(schemas.len() >= 10, "{schemas:?}");
    for schema in schemas {
        assert!(
            MANUAL.contains(&format!("\"schema\": \"{schema}\"")),
            "{schema}"
        );
    }
}

/// The fields of a document, and the words in quotes that the comments of its fields have.
fn words_of(definitions: &str, name: &str) -> Vec<String> {
    let (_, text) = definitions
        .split_once(&format!("struct {name} {{\n"))
        .unwrap();
    let (text, _) = text.split_once("\n}").unwrap();
    let (mut words, mut is_flat) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            words.extend(comment.split('`').skip(1).step_by(2).map(str::to_owned));
        } else if line == "#[serde(flatten)]" {
            is_flat = true;
        } else if !line.starts_with('#') {
            let (field, _) = line.split_once(':').unwrap();
            let field = field.trim_start_matches("pub(crate) ").to_owned();
            words.extend((!is_flat).then_some(field));
            is_flat = false;
        }
    }
    words
}

#[test]
fn every_field_of_a_pool_and_of_a_sweep_is_in_the_manual() {
    let (_, sweeping) = MANUAL.split_once("\n## Sweeping").unwrap();
    let (sweeping, _) = sweeping.split_once("\n## ").unwrap();
    let (_, pool) = MANUAL.split_once("\n## A pool of hosts").unwrap();
    let (pool, _) = pool.split_once("\n## ").unwrap();
    let (home, pool) = pool.split_once("`pool status` writes").unwrap();
    let (status, change) = pool.split_once("Every other `pool` command").unwrap();
    for (text, definitions, name) in [
        (home, OF_POOLS, "Home"),
        (status, OF_POOLS, "Status"),
        (status, OF_POOLS, "Member"),
        (status, OF_POOLS, "Placed"),
        (change, OF_POOLS, "Change"),
        (sweeping, DEFINITIONS, "SweptFile"),
        (sweeping, DEFINITIONS, "SweepEnd"),
        (sweeping, DEFINITIONS, "SweptDomain"),
        (sweeping, DEFINITIONS, "SweptHome"),
        (sweeping, DEFINITIONS, "SweepTotals"),
    ] {
        let words = words_of(definitions, name);
        assert!(!words.is_empty(), "{name}");
        for word in words {
            let is_there = text.contains(&format!("`{word}`"))
                || text.contains(&format!("`totals.{word}`"))
                || text.contains(&format!("\"{word}\""));
            assert!(is_there, "`{word}` of {name}");
        }
    }
}

#[test]
fn the_document_of_a_failure_has_its_exit_status() {
    let sandbox = Sandbox::with_web();
    std::fs::write(sandbox.file_of_web("empty"), "").unwrap();
    for (arguments, status, kind) in [
        (&["list", "--dir", "nowhere"][..], 1, "failure"),
        (&["store", "web", "a b"], 2, "usage"),
        (&["store", "web", "xl", "--no-such-option"], 2, "usage"),
        (&["list", "--layout", "shelf"], 2, "usage"),
        (&["list", "7"], 3, "no_such_domain"),
        (&["retrieve", "web", "none"], 4, "no_data"),
        (&["retrieve", "web", "empty"], 5, "damaged"),
        (&["store", "web", "xl", "/dev/zero"], 8, "limit_exceeded"),
    ] {
        let ran = sandbox.run([&["--json"], arguments].concat());
        let document = ran.document();
        assert_eq!(document["schema"], "userdata/error/1");
        assert_eq!(
            (ran.status, document["status"].as_i64()),
            (status, Some(i64::from(status)))
        );
        assert_eq!(document["kind"], kind);
        assert_eq!(document["changed"], false);
        let message = document["message"].as_str().unwrap();
        assert!(
            !message.is_empty() && !message.contains('\n'),
            "{message:?}"
        );
        assert!(
            status == 2 || ran.stderr == format!("userdata: {message}\n"),
            "{ran:?}"
        );
    }
}

#[test]
fn wrong_usage_has_a_document_only_with_json() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(["store", "web", "--json"]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.document()["message"]
            .as_str()
            .unwrap()
            .ends_with("<USERID>"),
        "{ran:?}"
    );
    for arguments in [
        &["store", "web"][..],
        &["store", "a", "b", "c", "d", "--", "--json"],
    ] {
        let ran = sandbox.run(arguments);
        assert_eq!((ran.status, ran.text()), (2, ""));
    }
    // Help is not a document.
    assert!(sandbox.done(["--json", "--help"]).contains("Usage:"));
}

#[test]
fn the_outcome_of_a_removal_is_in_the_document() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    for outcome in ["removed", "nothing_to_remove"] {
        let document = sandbox.run(["remove", "web", "xl", "--json"]).document();
        assert_eq!(document["outcome"], outcome);
        assert_eq!(document["uuid"], WEB);
        assert_eq!(document["version"], Value::Null);
        assert_eq!(
            document["durability"].is_null(),
            outcome == "nothing_to_remove"
        );
    }
    let store = ["store", "web", "xl", "--json", "--empty-removes"];
    let document = sandbox.run(store).document();
    assert_eq!(document["outcome"], "nothing_to_remove");
}
