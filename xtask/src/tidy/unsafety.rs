//! Where `unsafe` may be.

use super::finding::Finding;
use super::texts::{Text, Texts};

/// The modules that call the hypervisor or C, or are called by C, and the one that makes a system
/// call that no safe library has: one of a crate, and only of the crates that need it.
const MODULES: [&str; 5] = [
    "bench/peers/src/peer/foreign.rs",
    "crates/hv-xen/src/foreign.rs",
    "crates/userdata-capi/src/foreign.rs",
    "crates/userdata-fs/src/write_back.rs",
    "crates/userdata-libxl/src/foreign.rs",
];

/// The compiler's lint. Put together from parts: this file is read by its own rule.
const LINT: &str = concat!("unsafe", "_code");

/// Each workspace denies `unsafe`, and only these modules lift that. The rule `packages` checks
/// that every package takes its workspace's lints.
pub(crate) fn unsafe_has_its_modules(texts: &Texts) -> Vec<Finding> {
    let denied = format!("{LINT} = \"deny\"");
    let mut found = Vec::new();
    let is_workspace = |text: &&Text| {
        let is_manifest = text.path == "Cargo.toml" || text.path.ends_with("/Cargo.toml");
        is_manifest && text.lines().any(|(_, line)| line == "[workspace]")
    };
    let denies = |text: &Text| text.lines().any(|(_, line)| line == denied);
    for workspace in texts.all().iter().filter(is_workspace) {
        if !denies(workspace) {
            found.push(Finding::of(
                &workspace.path,
                format!("does not say {denied}"),
            ));
        }
    }
    let others = texts.all().iter().filter(|text| {
        let decides = text.is_rust() || text.path.ends_with("/Cargo.toml");
        decides && !MODULES.contains(&text.path.as_str())
    });
    for text in others {
        let lines = text
            .lines()
            .filter(|(_, line)| line.contains(LINT) && *line != denied);
        found.extend(
            lines.map(|(line, _)| {
                Finding::at(&text.path, line, "permits unsafe outside its modules")
            }),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: (&str, &str) = (
        "Cargo.toml",
        concat!(
            "[workspace]\n[workspace.lints.rust]\nunsafe",
            "_code = \"deny\"\n"
        ),
    );

    #[test]
    fn a_module_that_permits_unsafe_is_found() {
        let source = format!("//! Doc.\n#![expect({LINT}, reason = \"it is faster\")]\n");
        let manifest = format!("[lints.rust]\n{LINT} = \"allow\"\n");
        let texts = [
            ROOT,
            ("crates/hv-xen/src/foreign.rs", &source),
            ("crates/hv-xen/src/list.rs", &source),
            ("sim/Cargo.toml", &manifest),
        ];
        let what = "permits unsafe outside its modules";
        let expected = [
            Finding::at("crates/hv-xen/src/list.rs", 2, what),
            Finding::at("sim/Cargo.toml", 2, what),
        ];
        assert_eq!(unsafe_has_its_modules(&Texts::of(&texts)), expected);
    }

    #[test]
    fn a_workspace_that_permits_unsafe_is_found() {
        let silent = "[workspace]\n";
        for path in ["Cargo.toml", "bench/peers/Cargo.toml"] {
            let found = unsafe_has_its_modules(&Texts::of(&[(path, silent)]));
            let what = format!("does not say {LINT} = \"deny\"");
            assert_eq!(found, [Finding::of(path, what)]);
        }
    }
}
