//! What is refused: wrong files, wrong servers, and what a pool does not keep.

use std::net::TcpListener;

use anyhow::{Result, ensure};

use super::{Site, WEB};
use crate::ports;
use crate::rig::Rig;

/// Files that are refused before anything is sent: the text, and what the message has.
const FILES: &[(&str, &str)] = &[
    (
        "endpoints = [\"http://127.0.0.1:2\"]\nhost = \"a\"\ncolour = 1\n",
        "line 3: ",
    ),
    ("endpoints = []\nhost = \"a\"\n", "line 1: "),
    ("endpoints = [\"nonsense\"]\nhost = \"a\"\n", "line 1: "),
    (
        "host = \"a\"\nendpoints = [\"http://192.0.2.1:2379\"]\n",
        "line 2: ",
    ),
    (
        "endpoints = [\"http://127.0.0.1:2\"]\nhost = \"A b\"\n",
        "line 2: ",
    ),
];

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let mut site = Site::new(rig, &cluster.endpoints())?;
    for (text, place) in FILES {
        site.file("c.toml", text)?;
        site.tell("c", "list", 2, &format!("c.toml, {place}"))?;
    }
    // A port without a listener; then a server that accepts and says nothing.
    let port = ports::free()?;
    let of = |port| format!("endpoints = [\"http://127.0.0.1:{port}\"]\nhost = \"c\"\n");
    site.file("c.toml", &of(port))?;
    site.tell("c", "list --timeout 1", 7, "no answer")?;
    let silent = TcpListener::bind("127.0.0.1:0")?;
    site.file("c.toml", &of(silent.local_addr()?.port()))?;
    site.tell("c", "list --timeout 1", 7, "no answer")?;
    // A host that never joined.
    let create = format!("sim create --name web --uuid {WEB}");
    site.tell("a", &create, 0, "")?;
    site.feed("a", "store web agent", b"x", 12, "not a member")?;
    site.tell("a", "pool join", 0, "joined")?;
    // Another machine takes the name.
    site.file(
        "d.toml",
        &format!("endpoints = {:?}\nhost = \"a\"\n", cluster.endpoints()),
    )?;
    site.tell("d", "sim create --name other", 0, "")?;
    site.tell("d", "pool join", 9, "machine")?;
    // What stays in the files of the host.
    for words in ["web xl", "web libvirt-xml", "--libxl-json web libxl-json"] {
        site.feed("a", &format!("store {words}"), b"x", 2, "files")?;
    }
    site.feed("a", "store 0 agent", b"x", 2, "files")?;
    site.tell("a", "list 0", 2, "files")?;
    site.tell(
        "a",
        "list 0.00000000-0000-0000-0000-000000000000",
        2,
        "files",
    )?;
    // An import that waits refuses it at once, too.
    site.feed("a", "store web agent", b"x", 0, "")?;
    site.tell("a", "export web -o web.userdata", 0, "")?;
    site.tell("a", "import 0 web.userdata", 2, "files")?;
    site.tell("a", "import --wait 1 0 web.userdata", 2, "files")?;
    // One byte too much.
    let large = vec![b'x'; (1 << 20) + 1];
    site.feed("a", "store web agent", &large, 8, "1048576")?;
    let left = site.tell("a", "retrieve web agent", 0, "")?;
    ensure!(left == "x", "{} bytes", left.len());
    // Calls without what they need.
    site.tell("a", "pool claim web", 0, "")?;
    site.tell("a", "pool adopt web", 12, "belongs to domain 1 of host a")?;
    site.tell("a", "pool cancel web", 12, "no move")?;
    Ok(format!("{} commands", site.runs))
}
