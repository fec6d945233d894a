//! What was built and is packaged: the folder `stage` beside `debian`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::functions;
use crate::ci::log::Log;
use crate::{capi, child, project};

const SHORT: Duration = Duration::from_secs(60);

/// The shells, and the names under which they look for completions.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "userdata"),
    ("zsh", "_userdata"),
    ("fish", "userdata.fish"),
];

/// Builds everything for release, and puts it into the folder `stage` of this source.
pub(super) fn fill(source: &Path, log: &mut Log) -> Result<()> {
    let stage = source.join("stage");
    for folder in ["bin", "completions", "include", "lib/pkgconfig", "man"] {
        let folder = stage.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    }
    command(&stage, log)?;
    libraries(&stage, log)?;
    let pages = functions::write(source, &stage.join("man"))?;
    log.note(&format!("{pages} functions have a manual page"));
    Ok(())
}

/// The command, with its page and its completions.
fn command(stage: &Path, log: &mut Log) -> Result<()> {
    log.cargo(&["build", "--locked", "--release", "-p", "userdata-cli"])?;
    let command = project::target().join("release/userdata");
    copy(&command, &stage.join("bin/userdata"))?;
    for (shell, file) in COMPLETIONS {
        let mut completions = child::command(&command);
        let script = child::output(completions.args(["completions", shell]), SHORT)?;
        write(&stage.join("completions").join(file), &script)?;
    }
    let page = child::output(child::command(&command).arg("man"), SHORT)?;
    write(&stage.join("man/userdata.1"), &page)
}

/// The C libraries, the header and the file for pkg-config, as `cargo xtask capi build` makes them.
fn libraries(stage: &Path, log: &mut Log) -> Result<()> {
    let capi = project::target().join("capi");
    for built in capi::build(&mut |command| log.run(command))? {
        let path = built.strip_prefix(&capi).unwrap_or(&built);
        copy(&built, &stage.join(path))?;
    }
    let mut dpkg = child::command("dpkg-architecture");
    let triplet = child::output(dpkg.args(["-q", "DEB_HOST_MULTIARCH"]), SHORT)?;
    let pc = stage.join("lib/pkgconfig/userdata.pc");
    let text = fs::read_to_string(&pc).with_context(|| format!("reading {}", pc.display()))?;
    write(&pc, &installed(&text, triplet.trim())?)
}

/// The file for pkg-config with the places of an installed package.
fn installed(pc: &str, triplet: &str) -> Result<String> {
    let (_, rest) = pc
        .split_once("libdir=${prefix}/lib\n")
        .context("the file for pkg-config has no libdir below its prefix")?;
    Ok(format!(
        "prefix=/usr\nlibdir=${{prefix}}/lib/{triplet}\n{rest}"
    ))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_pkg_config_are_those_of_the_package() {
        let template = "crates/userdata-capi/userdata.pc.in";
        let template = fs::read_to_string(project::root().join(template)).unwrap();
        let text = installed(&template, "there").unwrap();
        let begin = "prefix=/usr\nlibdir=${prefix}/lib/there\nincludedir=${prefix}/include\n";
        assert!(text.starts_with(begin), "{text}");
        assert!(installed("prefix=/usr\n", "there").is_err());
    }
}
