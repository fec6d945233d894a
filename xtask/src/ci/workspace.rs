//! The workspace as cargo sees it.

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand, Package};

use crate::project;

/// What cargo knows, with default features and these further options.
pub(crate) fn metadata(options: &[&str]) -> Result<Metadata> {
    let options = ["--locked"]
        .iter()
        .chain(options)
        .map(|option| (*option).to_owned());
    let mut command = MetadataCommand::new();
    command
        .current_dir(project::root())
        .other_options(options.collect::<Vec<_>>());
    command.exec().context("asking cargo about the workspace")
}

/// The folder of a member, relative to the workspace.
pub(crate) fn folder<'m>(metadata: &'m Metadata, member: &'m Package) -> &'m str {
    let folder = member.manifest_path.parent();
    folder
        .and_then(|folder| folder.strip_prefix(&metadata.workspace_root).ok())
        .map_or("", |f| f.as_str())
}

/// Fails with all these problems, a line each.
pub(crate) fn refuse(problems: &[String]) -> Result<()> {
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    Ok(())
}
