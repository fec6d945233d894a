//! The header `userdata.h`, which is written by hand, against the functions, structs and codes of
//! this crate: the C compiler compares them.

use std::collections::BTreeSet;
use std::fs;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cbindgen::{Config, ItemType, Language, Style};

use crate::code::Code;
use crate::options::API;
use crate::sweep::Told;
use crate::{Digest, RawOptions, RawSweepOptions, RawSwept, RawTotals};

/// The types of this crate, and what the header calls them.
const TYPES: [(&str, &str); 9] = [
    ("Ctx", "userdata_ctx"),
    ("Digest", "userdata_digest"),
    ("List", "userdata_list"),
    ("Pending", "userdata_closing"),
    ("RawOptions", "userdata_options"),
    ("RawSightings", "userdata_sightings"),
    ("RawSweepOptions", "userdata_sweep_options"),
    ("RawSwept", "userdata_swept"),
    ("RawTotals", "userdata_sweep_totals"),
];

fn package(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// The prototypes of the functions of this crate, in C.
fn prototypes() -> String {
    let mut config = Config {
        language: Language::C,
        style: Style::Type,
        no_includes: true,
        usize_is_size_t: true,
        ..Config::default()
    };
    config.export.item_types = vec![ItemType::Functions];
    let types = TYPES.map(|(ours, c)| (ours.to_owned(), c.to_owned()));
    config.export.rename = types.into_iter().collect();
    let files = fs::read_dir(package("src/foreign")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in files {
        builder = builder.with_src(file.unwrap().path());
    }
    let mut written = Vec::new();
    builder.generate().unwrap().write(&mut written);
    String::from_utf8(written).unwrap()
}

/// What the C compiler says to the header with this behind it.
fn compile(text: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("drift.c");
    fs::write(&file, format!("#include <userdata.h>\n{text}")).unwrap();
    let include = package("include");
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]);
    cc.arg("-I").arg(include).arg(&file).output().unwrap()
}

fn accepted(text: &str) {
    let output = compile(text);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{text}");
}

/// The names that begin with `userdata_` and are followed by `end`.
fn names(text: &str, end: char) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split_inclusive(|letter| !is_part(letter));
    let words = words.filter_map(|word| word.strip_suffix(end));
    let ours = words.filter(|word| word.starts_with("userdata_"));
    ours.map(str::to_owned).collect()
}

#[test]
fn every_prototype_is_that_of_the_header() {
    accepted(&prototypes());
}

#[test]
fn a_parameter_that_differs_is_found() {
    let prototypes = prototypes();
    for (ours, other) in [
        ("uint32_t domid", "uint64_t domid"),
        ("const uint8_t *uuid", "uint8_t *uuid"),
        ("userdata_ctx *ctx", "userdata_list *ctx"),
    ] {
        let drifted = prototypes.replacen(ours, other, 1);
        assert_ne!(drifted, prototypes);
        let output = compile(&drifted);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("conflicting types"), "{said}");
    }
}

#[test]
fn header_prototypes_and_map_have_the_same_functions() {
    let ours = names(&prototypes(), '(');
    let map = fs::read_to_string(package("libuserdata.map")).unwrap();
    assert_eq!(names(&map, ';'), ours);
    let header = fs::read_to_string(package("include/userdata.h")).unwrap();
    let mut declared = names(&header, '(');
    // Types of callbacks.
    declared.retain(|name| !name.ends_with("_fn"));
    assert_eq!(declared, ours);
}

/// Asserts in C for the size of a struct and the offset of each member.
macro_rules! layout {
    ($text:ident, $ours:ty, $c:literal, $($member:ident),+) => {
        $text += &is(concat!("sizeof(", $c, ")"), size_of::<$ours>());
        $($text += &is(
            concat!("offsetof(", $c, ", ", stringify!($member), ")"),
            offset_of!($ours, $member),
        );)+
    };
}

fn is(what: impl std::fmt::Display, number: impl std::fmt::Display) -> String {
    format!("_Static_assert({what} == {number}, \"{what}\");\n")
}

fn layouts() -> String {
    let mut text = String::new();
    layout!(
        text,
        RawOptions,
        "userdata_options",
        size,
        hypervisor,
        directory,
        log,
        log_user,
        deadline_ms,
        durability,
        value_max,
        flags
    );
    layout!(text, Digest, "userdata_digest", bytes);
    layout!(
        text,
        RawSwept,
        "userdata_swept",
        size,
        domid,
        what,
        uuid,
        verdict,
        userid,
        line
    );
    layout!(
        text,
        RawSweepOptions,
        "userdata_sweep_options",
        size,
        grace_ms,
        settle_ms,
        flags,
        sightings,
        each,
        each_user
    );
    layout!(
        text,
        RawTotals,
        "userdata_sweep_totals",
        size,
        domains,
        records,
        orphans,
        removed,
        failed,
        reclaimed
    );
    text
}

#[test]
fn every_size_and_offset_is_that_of_the_header() {
    accepted(&layouts());
}

#[test]
fn an_offset_that_differs_is_found() {
    let layouts = layouts();
    let ours = offset_of!(RawOptions, value_max);
    let drifted = layouts.replacen(&format!("value_max) == {ours}"), "value_max) == 1", 1);
    assert_ne!(drifted, layouts);
    let output = compile(&drifted);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("offsetof(userdata_options, value_max)"),
        "{said}"
    );
}

#[test]
fn every_code_and_flag_is_that_of_the_header() {
    let mut text = String::new();
    for (code, name, _) in Code::ALL {
        text += &is(name, code.number());
    }
    text += &is("USERDATA_API_VERSION", API);
    for (name, number) in [
        ("USERDATA_FULL", 0),
        ("USERDATA_PROCESS", 1),
        ("USERDATA_FILE", 2),
        ("USERDATA_LOG_ERROR", 1),
        ("USERDATA_LOG_WARNING", 2),
        ("USERDATA_NO_LEAVING_CHECK", 1),
        ("USERDATA_CLEAR_ALL", 1),
        ("USERDATA_SWEEP_DRY_RUN", 1),
        ("USERDATA_SWEEP_EXPLAIN", 2),
        ("USERDATA_EXPORT_ALL", 1),
        ("USERDATA_IMPORT_REPLACE", 1),
        ("USERDATA_IMPORT_KEEP", 2),
        ("USERDATA_IMPORT_ALL", 4),
        ("USERDATA_SWEPT_JUDGED", Told::Judged as i32),
        ("USERDATA_SWEPT_REMOVED", Told::Removed as i32),
        ("USERDATA_SWEPT_FAILED", Told::Failed as i32),
        ("USERDATA_SWEPT_WOULD_GO", Told::WouldGo as i32),
        ("USERDATA_SWEPT_STAYS", Told::Stays as i32),
    ] {
        text += &is(name, number);
    }
    accepted(&text);
    let header = fs::read_to_string(package("include/userdata.h")).unwrap();
    let errors = names_of_errors(&header);
    assert_eq!(errors, Code::ALL.iter().map(|(_, name, _)| *name).collect());
}

/// The members of `enum userdata_error` in the header.
fn names_of_errors(header: &str) -> BTreeSet<&str> {
    let (_, codes) = header.split_once("enum userdata_error {").unwrap();
    let (codes, _) = codes.split_once("};").unwrap();
    let lines = codes.lines().filter_map(|line| line.split_once(" = "));
    lines.map(|(name, _)| name.trim()).collect()
}

#[test]
fn the_header_compiles_in_every_standard() {
    let include = package("include");
    for standard in ["-std=c90", "-std=c11", "-std=c17"] {
        let mut cc = Command::new("cc");
        cc.args([standard, "-pedantic", "-Wall", "-Wextra", "-Wpedantic"]);
        cc.args(["-Wstrict-prototypes", "-Werror", "-fsyntax-only", "-x", "c"]);
        let output = cc
            .arg("-I")
            .arg(&include)
            .arg(include.join("userdata.h"))
            .output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{standard}: {said}");
    }
}
