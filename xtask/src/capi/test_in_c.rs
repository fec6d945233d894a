//! The tests of `libuserdata` in C: linked shared and static, as C and as C++, with the compiler's
//! sanitizers and under valgrind.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{PROFILE, Run, USERDATA};
use crate::child;
use crate::project;

const TESTS: &str = "crates/userdata-capi/tests/c";

/// How long pkg-config may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How long the threads of the test make calls, in seconds.
const SECONDS: &str = "5";

/// The longest that a store of a thread may take, in seconds. Threads line up, so each store waits
/// only for the stores before it.
const STORE_MAX: &str = "2";

/// One way to build and run a test.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Its name, and that of the folder of its files.
    name: &'static str,
    compiler: &'static str,
    flags: &'static [&'static str],
    is_static: bool,
    /// The words before the program.
    under: &'static [&'static str],
    tests: &'static [Test],
}

/// A test, and the words behind its command and its folder.
#[derive(Debug, Clone, Copy)]
struct Test {
    name: &'static str,
    words: &'static [&'static str],
}

const LIFE: Test = Test {
    name: "life",
    words: &[],
};
const MISUSE: Test = Test {
    name: "misuse",
    words: &[],
};
/// What is freed is used, which tools report.
const MISUSE_OF_FREED: Test = Test {
    name: "misuse",
    words: &["freed"],
};
const THREADS: Test = Test {
    name: "threads",
    words: &[SECONDS, STORE_MAX],
};
/// Beside a tool that makes everything slow, the time of a store says nothing.
const SLOW_THREADS: Test = Test {
    name: "threads",
    words: &["1", "600"],
};

/// Without children: the allocator of gcc 12's sanitizers has locks that a forked child may inherit
/// from a thread that it does not have.
const SLOW_THREADS_ALONE: Test = Test {
    name: "threads",
    words: &["1", "600", "0"],
};

const C11: &[&str] = &["-std=gnu11"];
const CXX17: &[&str] = &["-x", "c++", "-std=gnu++17"];

const WAYS: &[Way] = &[
    Way {
        name: "shared",
        compiler: "gcc",
        flags: C11,
        is_static: false,
        under: &[],
        tests: &[LIFE, MISUSE_OF_FREED, THREADS],
    },
    Way {
        name: "static",
        compiler: "gcc",
        flags: C11,
        is_static: true,
        under: &[],
        tests: &[LIFE, MISUSE_OF_FREED, THREADS],
    },
    Way {
        name: "c++",
        compiler: "g++",
        flags: CXX17,
        is_static: false,
        under: &[],
        tests: &[LIFE, MISUSE],
    },
    Way {
        name: "address",
        compiler: "gcc",
        flags: &[
            "-std=gnu11",
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
        ],
        is_static: false,
        under: &[],
        tests: &[LIFE, MISUSE, SLOW_THREADS_ALONE],
    },
    Way {
        name: "address-static",
        compiler: "gcc",
        flags: &[
            "-std=gnu11",
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
        ],
        is_static: true,
        under: &[],
        tests: &[LIFE, MISUSE],
    },
    Way {
        name: "thread",
        compiler: "gcc",
        flags: &["-std=gnu11", "-fsanitize=thread"],
        is_static: false,
        under: &[],
        tests: &[LIFE, SLOW_THREADS_ALONE],
    },
    Way {
        name: "valgrind",
        compiler: "gcc",
        flags: C11,
        is_static: false,
        under: &[
            "valgrind",
            "--quiet",
            "--leak-check=full",
            "--child-silent-after-fork=yes",
            "--error-exitcode=9",
        ],
        tests: &[LIFE, MISUSE, SLOW_THREADS],
    },
];

/// Builds the command `userdata`, with which the tests change their simulated host, and runs every
/// test in every way.
pub(super) fn run(run: Run<'_>) -> Result<()> {
    run(&mut project::build(&["userdata"]))?;
    let command = project::target().join("debug/userdata");
    for way in WAYS {
        for test in way.tests {
            let program = way.compile(*test, run)?;
            way.run(*test, &program, &command, run)?;
        }
        let names: Vec<_> = way.tests.iter().map(|test| test.name).collect();
        writeln!(io::stdout(), "ok {}: {}", way.name, names.join(", "))?;
    }
    panics(&command, run)?;
    examples(&command, run)
}

/// Compiles the examples, and runs them on a simulated host, one after the other.
fn examples(command: &Path, run: Run<'_>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = format!("sim:{}", folder.path().join("host").display());
    let userdata = format!("{} --hypervisor {host}", command.display());
    let destroy = format!("{userdata} sim destroy 5");
    let mut shell = child::command("sh");
    run(shell.args([
        "-c",
        &format!("{userdata} sim create --domid 5 > /dev/null"),
    ]))?;
    for (name, words) in [
        ("store", vec!["5", &host]),
        ("destroy", vec!["5", &host, &destroy]),
    ] {
        let program = folder.path().join(name);
        let mut pkg_config = child::command("pkg-config");
        pkg_config.env("PKG_CONFIG_PATH", lib().join("pkgconfig"));
        let flags = child::output(pkg_config.args(["--cflags", "--libs", "userdata"]), LIMIT)?;
        let mut cc = child::command("cc");
        cc.current_dir(project::root());
        cc.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        cc.arg(format!("examples/c/{name}.c"));
        cc.args(flags.split_whitespace()).arg("-o").arg(&program);
        run(&mut cc).with_context(|| format!("compiling the example {name}"))?;
        let mut example = child::command(&program);
        example.env("LD_LIBRARY_PATH", lib()).args(words);
        run(&mut example).with_context(|| format!("the example {name}"))?;
    }
    writeln!(io::stdout(), "ok examples: store, destroy")?;
    Ok(())
}

fn lib() -> PathBuf {
    project::target().join(PROFILE).join("lib")
}

/// A panic reaches the log and not the program. The function that panics is in no shipped file.
fn panics(command: &Path, run: Run<'_>) -> Result<()> {
    let mut cargo = child::command(project::cargo());
    cargo.current_dir(project::root());
    cargo.args(["rustc", "--locked", "--lib", "--crate-type", "staticlib"]);
    cargo.args([
        "--package",
        USERDATA.package,
        "--features",
        "panic-on-demand",
    ]);
    run(&mut cargo)?;
    let way = Way {
        name: "panics",
        compiler: "gcc",
        flags: &["-std=gnu11", "-DTEST_PANICS"],
        is_static: true,
        under: &[],
        tests: &[MISUSE],
    };
    let archive = project::target()
        .join("debug")
        .join(USERDATA.archive_name());
    let program = way.compile_with(MISUSE, &archive, run)?;
    way.run(MISUSE, &program, command, run)?;
    writeln!(io::stdout(), "ok panics: misuse")?;
    Ok(())
}

impl Way {
    fn compile(self, test: Test, run: Run<'_>) -> Result<PathBuf> {
        let library = if self.is_static {
            "libuserdata.a"
        } else {
            "libuserdata.so"
        };
        self.compile_with(test, &lib().join(library), run)
    }

    /// Compiles a test and links it to this library.
    fn compile_with(self, test: Test, library: &Path, run: Run<'_>) -> Result<PathBuf> {
        let folder = self.folder()?;
        let program = folder.join(test.name);
        let mut cc = child::command(self.compiler);
        cc.current_dir(project::root());
        cc.args(self.flags);
        cc.args(["-O1", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        cc.args(["-Icrates/userdata-capi/include", "-o"])
            .arg(&program);
        cc.arg(format!("{TESTS}/{}.c", test.name));
        // The language that the flags name is that of the test alone.
        cc.args(["-x", "none"]).arg(library);
        if self.is_static {
            let needed = project::target()
                .join(PROFILE)
                .join(USERDATA.archive_name());
            let needed = fs::read_to_string(needed.with_extension("libs"))
                .context("reading what the static library needs")?;
            cc.args(needed.split_whitespace());
        }
        run(cc.arg("-pthread"))
            .with_context(|| format!("compiling {} for {}", test.name, self.name))?;
        Ok(program)
    }

    fn run(self, test: Test, program: &Path, command: &Path, run: Run<'_>) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut words = self.under.iter().map(Path::new).chain([program]);
        let first = words.next().context("a program")?;
        let mut started: Command = child::command(first);
        started.args(words).arg(command).arg(folder.path());
        started.args(test.words);
        started.env("LD_LIBRARY_PATH", lib());
        let suppressions = project::root().join(TESTS).join("thread-sanitizer.supp");
        let suppressed = format!("suppressions={}", suppressions.display());
        started.env("TSAN_OPTIONS", suppressed);
        run(&mut started).with_context(|| format!("{} as {}", test.name, self.name))
    }

    fn folder(self) -> Result<PathBuf> {
        let folder = project::target().join("capi/test").join(self.name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }
}
