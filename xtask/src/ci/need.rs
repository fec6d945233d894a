//! What a step needs beside the Rust toolchain, and how to get it.

use std::fmt;
use std::io::{self, Write};
use std::sync::Once;
use std::time::Duration;

use anyhow::Result;
use rustix::process::geteuid;

use super::log::Log;
use crate::child;

/// A program, and the command that installs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    program: &'static str,
    /// The command that succeeds if it is there; `PROGRAM --version` if this is empty.
    probe: &'static [&'static str],
    install: &'static [&'static str],
}

/// The program is missing and could not be installed.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(super) program: &'static str,
    pub(super) install: String,
    pub(super) why: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            program,
            install,
            why,
        } = self;
        write!(
            f,
            "{program} is missing, and `{install}` would bring it, but {why}"
        )
    }
}

impl std::error::Error for Missing {}

/// A right or a device is missing, which no package brings.
#[derive(Debug)]
pub(crate) struct Unavailable(pub(crate) &'static str);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Unavailable {}

impl Need {
    /// A program and the command that installs it: `apt-get install PACKAGE`, `rustup component add
    /// NAME` or `cargo install NAME`.
    pub(crate) const fn of(program: &'static str, install: &'static [&'static str]) -> Self {
        Self {
            program,
            probe: &[],
            install,
        }
    }

    /// With a command that succeeds if it is there, in place of `PROGRAM --version`.
    pub(crate) const fn probed_by(self, probe: &'static [&'static str]) -> Self {
        Self { probe, ..self }
    }

    /// Makes sure that the program is there. The error is a [`Missing`].
    pub(crate) fn provide(&self, log: &mut Log) -> Result<()> {
        if self.is_there() {
            return Ok(());
        }
        let missing = |why: &str| {
            let (program, install) = (self.program, self.install.join(" "));
            Missing {
                program,
                install,
                why: why.to_owned(),
            }
        };
        let [tool, args @ ..] = self.install else {
            return Err(missing("nothing does").into());
        };
        let _ = writeln!(io::stdout(), "    installing: {}", self.install.join(" "));
        let mut command = child::command(tool);
        if *tool == "apt-get" {
            if !geteuid().is_root() {
                return Err(missing("only root may run that").into());
            }
            refresh_package_lists(log);
            command.args(["--assume-yes", "--no-install-recommends"]);
            command.env("DEBIAN_FRONTEND", "noninteractive");
        }
        if let Err(error) = log.run(command.args(args)) {
            return Err(missing(&format!("it failed: {error:#}")).into());
        }
        if self.is_there() {
            Ok(())
        } else {
            Err(missing("that did not bring it").into())
        }
    }

    /// A stand-in that rustup leaves for a component that is not installed fails when it is run.
    fn is_there(&self) -> bool {
        let (program, args) = match self.probe {
            [program, args @ ..] => (*program, args),
            [] => (self.program, &["--version"][..]),
        };
        child::run(child::command(program).args(args), Duration::from_secs(30)).is_ok()
    }
}

/// Updates apt's lists, once a run. A failure is ignored: an old list may be enough.
fn refresh_package_lists(log: &mut Log) {
    static REFRESHED: Once = Once::new();
    REFRESHED.call_once(|| {
        if let Err(error) = log.run(child::command("apt-get").arg("update")) {
            log.note(&format!(
                "going on with the package lists there are: {error:#}"
            ));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provide(need: Need) -> String {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(folder.path(), "need", Duration::from_secs(60)).unwrap();
        need.provide(&mut log).map_or_else(
            |error| error.downcast::<Missing>().unwrap().to_string(),
            |()| "there".to_owned(),
        )
    }

    #[test]
    fn a_program_that_is_there_is_not_installed() {
        assert_eq!(provide(Need::of("env", &["false"])), "there");
    }

    #[test]
    fn a_need_may_have_a_probe_of_its_own() {
        let need = Need::of("no program at all", &["false"]);
        assert_eq!(provide(need.probed_by(&["true", "or", "so"])), "there");
        assert_ne!(provide(need.probed_by(&["false"])), "there");
    }

    #[test]
    fn a_program_that_cannot_be_had_is_named() {
        let error = provide(Need::of("no-such-program", &["true", "it"]));
        let expected = "no-such-program is missing, and `true it` would bring it, but that did not \
                        bring it";
        assert_eq!(error, expected);
        let error = provide(Need::of("no-such-program", &["false"]));
        assert!(error.contains("it failed: "), "{error}");
    }
}
