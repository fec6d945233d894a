//! What was built and is packaged: the folder `stage` beside `debian`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::ci::log::Log;
use crate::{child, project};

const SHORT: Duration = Duration::from_secs(60);

/// The shells, and the names under which they look for completions.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "userdata"),
    ("zsh", "_userdata"),
    ("fish", "userdata.fish"),
];

/// Builds everything for release, and puts it into `stage`.
pub(super) fn fill(stage: &Path, log: &mut Log) -> Result<()> {
    log.cargo(&["build", "--locked", "--release", "-p", "userdata-cli"])?;
    let command = project::target().join("release/userdata");
    for folder in ["bin", "completions", "man"] {
        let folder = stage.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    }
    copy(&command, &stage.join("bin/userdata"))?;
    for (shell, file) in COMPLETIONS {
        let mut completions = child::command(&command);
        let script = child::output(completions.args(["completions", shell]), SHORT)?;
        write(&stage.join("completions").join(file), &script)?;
    }
    let page = child::output(child::command(&command).arg("man"), SHORT)?;
    write(&stage.join("man/userdata.1"), &page)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
