//! What a command on a pool refuses before it sends anything.

use std::fs;

use crate::sandbox::Sandbox;

/// A host of a pool whose cluster does not answer.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_web();
    let file = "endpoints = [\"http://127.0.0.1:1\"]\nhost = \"a\"\n";
    fs::write(sandbox.path("pool.toml"), file).unwrap();
    sandbox
}

#[test]
fn values_that_stay_in_files_are_not_selected_on_a_pool() {
    let sandbox = sandbox();
    sandbox.store_for_web("agent", b"state");
    sandbox.done(["export", "web", "-o", "archive"]);
    for userid in ["xl", "libvirt-xml", "libxl-json"] {
        for selects in ["--with", "--only"] {
            for command in [
                "export web -o new",
                "import web archive",
                "carry web web",
                "destroy web --export new",
            ] {
                let mut words = vec!["--pool", "pool.toml"];
                words.extend(command.split(' ').chain([selects, userid]));
                if command.starts_with("destroy") {
                    words.extend(["--", "touch", "ran"]);
                }
                let message = sandbox.refused(2, &words);
                let told = format!("the userid '{userid}' has no place in a pool");
                assert!(message.starts_with(&told), "{words:?}: {message}");
                assert!(!sandbox.path("new").exists() && !sandbox.path("ran").exists());
            }
        }
    }
}

#[test]
fn the_manual_tells_what_is_different_on_a_pool() {
    let page = Sandbox::new().done(["man"]);
    let words: Vec<_> = page.split_whitespace().collect();
    let page = words.join(" ").replace('\\', "");
    for told in [
        "fBUSERDATA_POOLfR The default of --pool",
        "elsewhere, on a pool",
        "damaged, on a pool",
        "On a pool: how long the cluster may take to answer",
        "A pool ignores it: each change is full",
        "On a pool: sightings-pool.json",
        "if the cluster of a pool does not answer, but the exit status is 7",
        "a change of a pool, or an archive is too large",
    ] {
        assert!(page.contains(told), "{told}");
    }
}
