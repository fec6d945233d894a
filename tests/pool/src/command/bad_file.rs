//! Files of a pool that are refused before anything is sent.

use std::fs::{self, Permissions, set_permissions};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Result, bail, ensure};

use super::Site;
use super::other_server::{serve, ssh};
use crate::rig::Rig;

/// The text of each file, the line that is wrong, and why. MEMBER is where the check listens.
const FILES: &[(&str, usize, &str)] = &[
    (
        "endpoints = [\"MEMBER\"]\nhost = \"c\"\ncolour = 1\n",
        3,
        "'colour' is not a key of this file; the keys are endpoints, host",
    ),
    (
        "endpoints = [\"MEMBER\"]\nhost\n",
        2,
        "key with no value, expected `=`",
    ),
    ("host = \"c\"\n", 1, "'endpoints' is missing"),
    (
        "host = \"c\"\nendpoints = []\n",
        2,
        "'endpoints' names no member of the cluster",
    ),
    ("endpoints = [\"MEMBER\"]\n", 1, "'host' is missing"),
    (
        "host = \"c\"\nendpoints = [\n\"MEMBER\",\n\"http://\"]\n",
        4,
        "'http://': not a URL of the form",
    ),
    (
        "host = \"c\"\nendpoints = [\n\"MEMBER\",\n\"nonsense\"]\n",
        4,
        "'nonsense': the URL begins with neither https:// nor http://",
    ),
    (
        "host = \"c\"\nendpoints = [\n\"MEMBER\",\n\"http://192.0.2.1:2379\"]\n",
        4,
        "'http://192.0.2.1:2379': http is for a member on this machine",
    ),
    (
        "endpoints = [\"MEMBER\", \"https://192.0.2.1:2379\"]\nhost = \"c\"\n",
        1,
        "'https' needs 'ca' as well",
    ),
    (
        "endpoints = [\"MEMBER\"]\nhost = \"c\"\nca = \"open\"\ncert = \"open\"\nkey = \"open\"\n",
        5,
        "open can be read or written by others; its mode must be 0600 or 0640",
    ),
    (
        "endpoints = [\"MEMBER\"]\nhost = \"c\"\nuser = \"u\"\npassword-file = \"open\"\n",
        4,
        "open can be read or written by others; its mode must be 0600 or 0640",
    ),
    ("endpoints = [\"MEMBER\"]\n\nhost = \"A b\"\n", 3, "'A b': "),
    (
        "endpoints = [\"MEMBER\", \"\"]\nhost = \"c\"\n",
        1,
        "'endpoints' is an empty text",
    ),
    (
        "endpoints = [\"MEMBER\"]\nhost = \"c\"\nuser = \"\"\npassword-file = \"open\"\n",
        3,
        "'user' is an empty text",
    ),
    (
        "endpoints = [\"MEMBER\"]\nhost = \"c\"\nmax-ops = \"x\"\n",
        3,
        "'max-ops' is not a whole number above 0",
    ),
    (
        "endpoints = [\"MEMBER\"]\nhost = \"c\"\nca = \"open\"\n",
        3,
        "open: this is not a certificate in PEM",
    ),
    (
        "endpoints = [\"MEMBER\"]\nhost = \"c\"\nca = \".\"\n",
        3,
        "cannot read .: it is a directory",
    ),
];

/// Whether a client has connected. The listener does not block.
fn was_connected(listener: &TcpListener) -> Result<bool> {
    match listener.accept() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => bail!("cannot accept: {error}"),
    }
}

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let member = format!("http://{}", listener.local_addr()?);
    let mut site = Site::new(rig, &[])?;
    site.file("open", "a secret\n")?;
    set_permissions(site.folder.join("open"), Permissions::from_mode(0o644))?;
    site.file("c.toml", "")?;
    site.tell("c", "sim create --name web", 0, "")?;
    let commands = ["list", "store web agent", "pool join", "pool status"];
    for (text, line, reason) in FILES {
        site.file("c.toml", &text.replace("MEMBER", &member))?;
        for words in commands {
            let told = format!("c.toml, line {line}: {reason}");
            site.feed("c", words, b"x", 2, &told)?;
            ensure!(!was_connected(&listener)?, "'{words}' connects: {text}");
        }
    }
    // Files that are not a text of a few lines, and one that is not there.
    site.file("large.toml", &"#".repeat((1 << 20) + 1))?;
    fs::write(site.folder.join("binary.toml"), b"host = \"\xff\"\n")?;
    for (file, status, told) in [
        (
            ".",
            2,
            "cannot read ., the file of the pool: it is a directory",
        ),
        ("large.toml", 2, "it is larger than 1 MiB"),
        ("binary.toml", 2, "it is not text in UTF-8"),
        (
            "absent.toml",
            1,
            "cannot read absent.toml, the file of the pool: No such",
        ),
    ] {
        site.tell("a", &format!("--pool {file} list"), status, told)?;
    }
    // With a good file each of them does connect, and finds no etcd.
    listener.set_nonblocking(false)?;
    serve(listener, ssh);
    let good = format!("endpoints = [\"{member}\"]\nhost = \"c\"\n");
    site.file("c.toml", &good)?;
    for words in commands {
        let words = format!("{words} --timeout 60");
        site.feed("c", &words, b"x", 1, &format!("{member}: the server is"))?;
    }
    Ok(format!("{} commands", site.runs))
}
