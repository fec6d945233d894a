//! What is uploaded when the crates are published.

use std::fs;

use anyhow::{Context, Result};
use cargo_metadata::Package;

use super::log::Log;
use super::workspace;
use crate::child;
use crate::project;

/// Packages every published crate as a user would get it, and runs the tests of each from there.
pub(crate) fn check(log: &mut Log) -> Result<String> {
    let metadata = workspace::metadata(&["--no-deps"])?;
    let members = metadata.workspace_packages().into_iter();
    let published: Vec<&Package> = members.filter(|member| is_published(member)).collect();
    let chosen = published.iter().flat_map(|package| ["-p", &package.name]);
    // Verified below, with the tests.
    let args = ["package", "--locked", "--allow-dirty", "--no-verify"];
    log.cargo(&args.into_iter().chain(chosen).collect::<Vec<_>>())?;

    let folder = project::target().join("package");
    let folders = published.iter().map(|package| {
        (
            package.name.as_str(),
            format!("{}-{}", package.name, package.version),
        )
    });
    let mut list = String::from("[workspace]\nresolver = \"3\"\nmembers = [\n");
    let mut patch = String::from("]\n\n[patch.crates-io]\n");
    for (name, unpacked) in folders {
        let _ = fs::remove_dir_all(folder.join(&unpacked));
        let mut tar = child::command("tar");
        tar.arg("-xf").arg(folder.join(format!("{unpacked}.crate")));
        log.run(tar.arg("-C").arg(&folder))?;
        list.push_str(&format!("    \"{unpacked}\",\n"));
        patch.push_str(&format!("{name} = {{ path = \"{unpacked}\" }}\n"));
    }
    let manifest = folder.join("Cargo.toml");
    fs::write(&manifest, list + &patch).context("writing a workspace of the packages")?;
    // Those that were tested, not newer ones.
    fs::copy(
        project::root().join("Cargo.lock"),
        folder.join("Cargo.lock"),
    )
    .context("copying Cargo.lock")?;
    let mut test = child::command(project::cargo());
    test.args(["test", "--workspace", "--manifest-path"])
        .arg(&manifest);
    test.arg("--target-dir").arg(folder.join("target"));
    log.run(&mut test)?;
    Ok(format!(
        "{} crates, tested as they are packaged",
        published.len()
    ))
}

/// Whether others may build on it.
fn is_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|to| !to.is_empty())
}
