//! What a program needs to be linked to `libuserdata`, beside the shared object: a link without a
//! version, the static library, the header, and the file for pkg-config.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{PROFILE, Run, USERDATA};
use crate::child;
use crate::project;

const HEADER: &str = "crates/userdata-capi/include/userdata.h";
const TEMPLATE: &str = "crates/userdata-capi/userdata.pc.in";

/// Makes the files in `target/capi`, and returns their paths.
pub(super) fn make(run: Run<'_>) -> Result<Vec<PathBuf>> {
    let root = project::target().join(PROFILE);
    let (lib, include) = (root.join("lib"), root.join("include"));
    let pkgconfig = lib.join("pkgconfig");
    for folder in [&include, &pkgconfig] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let made = [
        lib.join("libuserdata.so"),
        lib.join("libuserdata.a"),
        include.join("userdata.h"),
        pkgconfig.join("userdata.pc"),
    ];
    let [link, archive, header, pc] = &made;
    match fs::remove_file(link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => symlink(USERDATA.file, link)?,
    }
    let built = root.join(USERDATA.archive_name());
    let mut strip = child::command("strip");
    strip
        .arg("--strip-debug")
        .arg("-o")
        .arg(archive)
        .arg(&built);
    run(&mut strip).context("stripping the static library")?;
    copy(&project::root().join(HEADER), header)?;
    let template = read(&project::root().join(TEMPLATE))?;
    let libraries = read(&built.with_extension("libs"))?;
    let version = version(&read(&project::root().join("Cargo.toml"))?)?;
    fs::write(pc, filled(&template, &root, &version, libraries.trim()))?;
    Ok(made.to_vec())
}

/// The file for pkg-config, for libraries in `root`.
fn filled(template: &str, root: &Path, version: &str, libraries: &str) -> String {
    template
        .replace("@prefix@", &root.display().to_string())
        .replace("@version@", version)
        .replace("@libs_private@", libraries)
}

/// The version of all our packages.
fn version(manifest: &str) -> Result<String> {
    let manifest: toml::Table = manifest.parse().context("Cargo.toml")?;
    let package = manifest.get("workspace").and_then(|w| w.get("package"));
    let version = package.and_then(|package| package.get("version")?.as_str());
    version
        .map(str::to_owned)
        .context("Cargo.toml has no version")
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_has_no_place_that_stays_open() {
        let template = read(&project::root().join(TEMPLATE)).unwrap();
        let filled = filled(&template, Path::new("/usr"), "0.1.0", "-lc");
        assert!(!filled.contains('@'), "{filled}");
        assert!(filled.contains("prefix=/usr\n") && filled.contains("Libs.private: -lc\n"));
    }
}
