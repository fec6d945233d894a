//! The binary interface of `libuserdata` against that of its releases: functions, their parameters,
//! and the members of structs, as libabigail reads them from the debug information.
//!
//! The file of a release is `crates/userdata-capi/abi/NODE.xml`, and never changes again. Numbers
//! of enums and macros are not in it: a test of the crate compares them with the header.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Run, USERDATA};
use crate::child;
use crate::project;

const FOLDER: &str = "crates/userdata-capi/abi";
const LIMIT: Duration = Duration::from_secs(120);

/// Compares the library with each of its releases, and shows that the comparison fails where it
/// should. Returns a line about what was seen.
pub(super) fn check(run: Run<'_>) -> Result<String> {
    let built = describe(run)?;
    let releases = releases()?;
    for release in &releases {
        differences(release, &built)?.map_or(Ok(()), |said| {
            bail!("not compatible with {}:\n{said}", release.display())
        })?;
    }
    let xml = read(&built)?;
    let canaries = canaries(&xml).context("the description has another form than expected")?;
    for (name, drifted) in &canaries {
        let file = built.with_file_name("canary.xml");
        write(&file, drifted)?;
        if differences(&built, &file)?.is_none() {
            bail!("{name} is not found");
        }
    }
    let canaries: Vec<_> = canaries.iter().map(|(name, _)| *name).collect();
    Ok(format!(
        "{}: as in {} releases; found: {}",
        USERDATA.file,
        releases.len(),
        canaries.join(", ")
    ))
}

/// Writes the description of the newest node. Refused if the node has one.
pub(super) fn write_new(node: &str, run: Run<'_>) -> Result<PathBuf> {
    let to = project::root().join(FOLDER).join(format!("{node}.xml"));
    if to.exists() {
        bail!("{} is released, and stays as it is", to.display());
    }
    write(&to, &read(&describe(run)?)?)?;
    Ok(to)
}

/// Builds the library without optimisation and with the types of our functions in it, and returns
/// the file that describes them.
fn describe(run: Run<'_>) -> Result<PathBuf> {
    let mut cargo = child::command(project::cargo());
    cargo.current_dir(project::root());
    cargo.args(["rustc", "--locked", "--lib", "--crate-type", "staticlib"]);
    run(cargo.args(["--package", USERDATA.package]))?;
    let archive = project::target()
        .join("debug")
        .join(USERDATA.archive_name());
    let folder = project::target().join("capi/test/abi");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let library = folder.join(USERDATA.file);
    USERDATA.link(child::command("cc"), &archive, &library, run)?;
    let mut abidw = child::command("abidw");
    abidw.args(["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs"]);
    let xml = child::output(abidw.arg(&library), LIMIT).context("describing the library")?;
    let file = folder.join("built.xml");
    write(&file, &xml)?;
    Ok(file)
}

/// The descriptions of all released nodes.
fn releases() -> Result<Vec<PathBuf>> {
    let folder = project::root().join(FOLDER);
    let mut releases = Vec::new();
    for file in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "xml") {
            releases.push(path);
        }
    }
    releases.sort_unstable();
    if releases.is_empty() {
        bail!("no release is described in {}", folder.display());
    }
    Ok(releases)
}

/// What differs, but for functions that are new.
fn differences(old: &Path, new: &Path) -> Result<Option<String>> {
    let mut abidiff = Command::new("abidiff");
    abidiff.arg("--no-added-syms").arg("--suppressions");
    abidiff.arg(project::root().join(FOLDER).join("opaque.suppr"));
    let output = abidiff
        .args([old, new])
        .output()
        .context("running abidiff")?;
    // 1 and 2 say that abidiff failed, 4 and 8 that there is a difference.
    match output.status.code() {
        Some(0) => Ok(None),
        Some(status) if status & 3 == 0 => {
            Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
        }
        _ => bail!("abidiff: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// Descriptions that differ from this one as a release must not.
fn canaries(xml: &str) -> Option<[(&'static str, String); 3]> {
    let u64_id = attribute(between(xml, "<type-decl name='u64'", ">")?, "id")?;
    let store = between(
        xml,
        "<function-decl name='userdata_store'",
        "</function-decl>",
    )?;
    let (before, _) = store.split_once("' name='domid'")?;
    let (_, domid_id) = before.rsplit_once('\'')?;
    let domid = |id| format!("<parameter type-id='{id}' name='domid'");
    let wider = store.replacen(&domid(domid_id), &domid(u64_id), 1);

    let options = between(xml, "<class-decl name='RawOptions'", "</class-decl>")?;
    let size = attribute(options, "size-in-bits")?;
    let longer = size.parse::<u64>().ok()?.checked_add(64)?;
    let attribute_of = |size: &str| format!("size-in-bits='{size}'");
    let member = format!(
        "<data-member access='public' layout-offset-in-bits='{size}'>\
         <var-decl name='more' type-id='{u64_id}' visibility='default'/></data-member>"
    );
    let grown = options.replacen(&attribute_of(size), &attribute_of(&longer.to_string()), 1);

    let sweep = between(
        xml,
        "<function-decl name='userdata_sweep'",
        "</function-decl>",
    )?;
    let symbol = between(xml, "<elf-symbol name='userdata_sweep'", "/>")?;
    let without = xml
        .replacen(&format!("{sweep}</function-decl>"), "", 1)
        .replacen(&format!("{symbol}/>"), "", 1);
    Some([
        ("a wider parameter", xml.replacen(store, &wider, 1)),
        (
            "a member more",
            xml.replacen(options, &(grown + &member), 1),
        ),
        ("a function less", without),
    ])
}

/// The text that begins with `start` and ends before `end`.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let from = text.get(text.find(start)?..)?;
    from.get(..from.find(end)?)
}

/// The value of the first attribute of this name.
fn attribute<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, value) = text.split_once(&format!(" {name}='"))?;
    value.split_once('\'').map(|(value, _)| value)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
