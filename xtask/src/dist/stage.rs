//! What was built and is packaged: the folder `stage` beside `debian`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

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

/// What a program needs that links the static library.
const PRIVATE: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";

const PKG_CONFIG: &str = "crates/userdata-capi/userdata.pc.in";

/// Builds everything for release, and puts it into the folder `stage` of this source.
pub(super) fn fill(source: &Path, log: &mut Log) -> Result<()> {
    let stage = source.join("stage");
    for folder in ["bin", "completions", "include", "lib/pkgconfig", "man"] {
        let folder = stage.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    }
    command(&stage, log)?;
    libraries(source, &stage, log)?;
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

/// The C libraries, the header and the file for pkg-config.
fn libraries(source: &Path, stage: &Path, log: &mut Log) -> Result<()> {
    let lib = stage.join("lib");
    for library in capi::build(&mut |command| log.run(command))? {
        copy(&library, &lib.join(library.file_name().unwrap_or_default()))?;
    }
    let archive = project::target().join("capi/libuserdata_capi.a");
    copy(&archive, &lib.join("libuserdata.a"))?;
    let header = source.join(functions::HEADER);
    copy(&header, &stage.join("include/userdata.h"))?;
    let mut dpkg = child::command("dpkg-architecture");
    let triplet = child::output(dpkg.args(["-q", "DEB_HOST_MULTIARCH"]), SHORT)?;
    let template = source.join(PKG_CONFIG);
    let template = fs::read_to_string(&template).context("reading the template of pkg-config")?;
    let pc = filled(&template, &format!("${{prefix}}/lib/{}", triplet.trim()))?;
    write(&lib.join("pkgconfig/userdata.pc"), &pc)
}

/// The file for pkg-config from its template.
fn filled(template: &str, libdir: &str) -> Result<String> {
    let text = template
        .replace("@libdir@", libdir)
        .replace("@version@", env!("CARGO_PKG_VERSION"))
        .replace("@libs_private@", PRIVATE);
    ensure!(
        !text.contains('@'),
        "{PKG_CONFIG} has a field that is not known"
    );
    Ok(text)
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
    fn the_template_of_pkg_config_is_filled() {
        let template = fs::read_to_string(project::root().join(PKG_CONFIG)).unwrap();
        let text = filled(&template, "${prefix}/lib/there").unwrap();
        assert!(text.contains("\nlibdir=${prefix}/lib/there\n"), "{text}");
        let error = filled("Name: @other@", "").unwrap_err().to_string();
        assert!(error.contains("not known"), "{error}");
    }
}
