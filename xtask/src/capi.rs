//! The C libraries: cargo builds a static library of a package, and the C compiler links a shared
//! one from it.
//!
//! rustc cannot link them itself: it gives the linker a version script of its own, and a linker
//! refuses a second one or ignores it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::child::{self, Child};
use crate::project;
use crate::xen::libxl_diff;

mod abi;
mod development;
mod shared_object;
mod test;
mod test_in_c;

/// How long a first build may take.
const LIMIT: Duration = Duration::from_secs(1800);

/// The profile of cargo, and the name of its folder.
const PROFILE: &str = "capi";

/// A shared library, and what it is linked from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Library {
    /// Its file.
    pub(crate) file: &'static str,
    /// The package whose static library it is linked from.
    pub(crate) package: &'static str,
    /// The name that programs which are linked to it look for at run time.
    soname: Option<&'static str>,
    /// What it exports, in order: each name with its version, if it has one.
    exports: &'static [&'static str],
    /// The linker's version script: what it exports, and under which versions. Without one it
    /// exports every C function.
    version_script: Option<&'static str>,
}

/// The functions of libxl for programs that are linked to libxl. No program is linked to it, and
/// its functions have no version: the dynamic linker takes them for those of every release.
pub(crate) const DROP_IN: Library = Library {
    file: "libuserdata_libxl.so",
    package: "userdata-libxl",
    soname: None,
    exports: &[
        "libxl_userdata_retrieve",
        "libxl_userdata_store",
        "libxl_userdata_unlink",
    ],
    version_script: Some("crates/userdata-libxl/libuserdata_libxl.map"),
};

/// The library for programs in C, with a header of its own.
pub(crate) const USERDATA: Library = Library {
    file: "libuserdata.so.0",
    package: "userdata-capi",
    soname: Some("libuserdata.so.0"),
    exports: &[
        "USERDATA_0.1",
        "userdata_clear@@USERDATA_0.1",
        "userdata_closing_begin@@USERDATA_0.1",
        "userdata_closing_end@@USERDATA_0.1",
        "userdata_ctx_alloc@@USERDATA_0.1",
        "userdata_ctx_free@@USERDATA_0.1",
        "userdata_destroy@@USERDATA_0.1",
        "userdata_digest_of@@USERDATA_0.1",
        "userdata_export@@USERDATA_0.1",
        "userdata_free@@USERDATA_0.1",
        "userdata_import@@USERDATA_0.1",
        "userdata_list_condition@@USERDATA_0.1",
        "userdata_list_count@@USERDATA_0.1",
        "userdata_list_find@@USERDATA_0.1",
        "userdata_list_free@@USERDATA_0.1",
        "userdata_list_get@@USERDATA_0.1",
        "userdata_list_size@@USERDATA_0.1",
        "userdata_list_userid@@USERDATA_0.1",
        "userdata_remove@@USERDATA_0.1",
        "userdata_retrieve@@USERDATA_0.1",
        "userdata_sightings_alloc@@USERDATA_0.1",
        "userdata_sightings_free@@USERDATA_0.1",
        "userdata_store@@USERDATA_0.1",
        "userdata_store_if@@USERDATA_0.1",
        "userdata_strerror@@USERDATA_0.1",
        "userdata_sweep@@USERDATA_0.1",
        "userdata_version@@USERDATA_0.1",
    ],
    version_script: Some("crates/userdata-capi/libuserdata.map"),
};

/// All of them.
const LIBRARIES: &[Library] = &[DROP_IN, USERDATA];

/// What `cargo xtask capi` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Build the C libraries into target/capi/lib, with header and pkg-config file
    Build,
    /// Build the C libraries, and check what they export and what their functions do
    ///
    /// The drop-in is compared with real libxl, without a hypervisor, in a program that is linked
    /// to libxl.
    Test(libxl_diff::Options),
    /// Describe the binary interface of libuserdata for a new version of its symbols
    ///
    /// `cargo xtask capi test` compares later builds with it.
    Describe {
        /// The version, such as USERDATA_0.2
        node: String,
    },
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut run = |command: &mut Command| Child::start(command, LIMIT)?.succeed();
        let made = match self {
            Self::Test(options) => return Ok(ExitCode::from(test::run(&options)?)),
            Self::Build => build(&mut run)?,
            Self::Describe { node } => vec![abi::write_new(&node, &mut run)?],
        };
        for library in made {
            let shown = library.strip_prefix(project::root()).unwrap_or(&library);
            writeln!(io::stdout(), "{}", shown.display())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Runs a command made by [`child::command`] at the root of the workspace.
pub(crate) type Run<'a> = &'a mut dyn FnMut(&mut Command) -> Result<()>;

/// Builds every library as it is shipped, and returns their paths.
pub(crate) fn build(run: Run<'_>) -> Result<Vec<PathBuf>> {
    let folder = project::target().join(PROFILE).join("lib");
    let built = LIBRARIES
        .iter()
        .map(|library| library.build(&[], &folder, run));
    let mut built = built.collect::<Result<Vec<_>>>()?;
    built.extend(development::make(run)?);
    Ok(built)
}

impl Library {
    /// Builds it with these features of its package, and returns its path in `folder`.
    pub(crate) fn build(self, features: &[&str], folder: &Path, run: Run<'_>) -> Result<PathBuf> {
        let archive = self.archive(features, run)?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let to = folder.join(self.file);
        self.link(child::command("cc"), &archive, &to, run)?;
        Ok(to)
    }

    /// Builds the static library, and returns its path. `cargo rustc` instead of `cargo build`,
    /// because cargo optimises at link time only what has no `rlib` among its kinds.
    pub(crate) fn archive(self, features: &[&str], run: Run<'_>) -> Result<PathBuf> {
        let mut cargo = child::command(project::cargo());
        cargo.current_dir(project::root());
        cargo.args(["rustc", "--locked", "--lib", "--crate-type", "staticlib"]);
        cargo.args(["--profile", PROFILE, "--package", self.package]);
        if !features.is_empty() {
            cargo.args(["--features", &features.join(",")]);
        }
        let archive = project::target().join(PROFILE).join(self.archive_name());
        // What a program needs besides the static library. rustc writes it when it compiles.
        let libraries = archive.with_extension("libs");
        cargo.arg("--").arg("--print");
        cargo.arg(format!("native-static-libs={}", libraries.display()));
        run(&mut cargo).with_context(|| format!("{} does not build", self.package))?;
        Ok(archive)
    }

    fn archive_name(self) -> String {
        format!("lib{}.a", self.package.replace('-', "_"))
    }

    /// Links it with this C compiler from its static library.
    pub(crate) fn link(
        self,
        mut cc: Command,
        archive: &Path,
        to: &Path,
        run: Run<'_>,
    ) -> Result<()> {
        cc.current_dir(project::root());
        cc.args(["-shared", "-o"]).arg(to);
        // The version script keeps what it names, and what that needs.
        cc.arg("-Wl,--whole-archive").arg(archive);
        cc.arg("-Wl,--no-whole-archive,--gc-sections");
        cc.arg("-Wl,-z,now,-z,relro,-z,defs,-z,noexecstack");
        if let Some(soname) = self.soname {
            cc.arg(format!("-Wl,-soname,{soname}"));
        }
        if let Some(script) = self.version_script {
            cc.arg(format!("-Wl,--version-script,{script}"));
        }
        // What std is linked to; of these the linker names those that are needed. The last two are
        // parts of older C libraries.
        cc.args(["-Wl,--as-needed", "-lgcc_s", "-lc", "-ldl", "-lpthread"]);
        run(&mut cc).with_context(|| format!("linking {}", self.file))
    }
}
