//! The docs of every package, as users read them and with everything private.

use anyhow::{Result, bail};

use super::log::Log;
use super::workspace;
use crate::child::{self, Interrupted};
use crate::project;

/// Fails on any warning of rustdoc, links to nowhere among them.
pub(crate) fn check(log: &mut Log) -> Result<String> {
    let metadata = workspace::metadata(&["--no-deps"])?;
    let members = metadata.workspace_packages();
    let mut failed = Vec::new();
    // One by one: the library userdata and the command userdata have pages of the same name.
    for member in &members {
        for form in [&[][..], &["--document-private-items"]] {
            let mut command = child::command(project::cargo());
            command.env("RUSTDOCFLAGS", "-D warnings");
            command
                .args(["doc", "--locked", "--no-deps", "-p", &member.name])
                .args(form);
            match log.run(&mut command) {
                Err(error) if error.is::<Interrupted>() => return Err(error),
                Err(_) => failed.push(format!("{} {}", member.name, form.join(" "))),
                Ok(()) => {}
            }
        }
    }
    if !failed.is_empty() {
        bail!("rustdoc objects to {}", failed.join(", "));
    }
    Ok(format!("{} packages", members.len()))
}
