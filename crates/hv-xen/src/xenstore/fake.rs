//! Fake xenstoreds in threads: one that follows the protocol, and scripted ones that do not.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use super::Xenstore;
use super::endpoint::Stream;

/// Passes in a failing test only.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A request as it arrived: kind, request id, payload.
pub(crate) type Request = (u32, u32, Vec<u8>);

/// The next request; `None` once the client has closed the connection.
pub(crate) fn next_request(stream: &mut UnixStream) -> Option<Request> {
    let mut header = [0; 16];
    stream.read_exact(&mut header).ok()?;
    let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
    assert_eq!(word(8), 0, "no transaction is ever open");
    let mut payload = vec![0; word(12) as usize];
    stream.read_exact(&mut payload).ok()?;
    Some((word(0), word(4), payload))
}

/// A message as bytes.
pub(crate) fn message(kind: u32, request: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [kind, request, 0, payload.len() as u32] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(payload);
    bytes
}

/// A client whose server is this function, which runs in a thread.
pub(crate) fn client_of(
    timeout: Duration,
    server: impl FnOnce(UnixStream) + Send + 'static,
) -> (Xenstore, JoinHandle<()>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let client = Xenstore::over(Stream::Socket(ours.into()), timeout);
    (client, thread::spawn(move || server(theirs)))
}

/// A client that gets these answers, each in one piece, one per request.
pub(crate) fn client_answered(
    answers: impl IntoIterator<Item = Vec<u8>> + Send + 'static,
) -> Xenstore {
    let server = |mut stream: UnixStream| {
        for answer in answers {
            next_request(&mut stream);
            stream.write_all(&answer).unwrap();
        }
        // The connection stays open until the client closes it.
        while next_request(&mut stream).is_some() {}
    };
    client_of(LONG, server).0
}

/// The connection that events go to, and their path and token.
type Watcher = (UnixStream, Vec<u8>);

/// A xenstored with its own tree and socket. Every node, parents included, is an entry of the tree.
#[derive(Debug)]
pub(crate) struct FakeXenstored {
    folder: TempDir,
    tree: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    watchers: Arc<Mutex<Vec<Watcher>>>,
}

impl FakeXenstored {
    pub(crate) fn start(nodes: &[(&str, &str)]) -> Self {
        let fake = Self {
            folder: tempfile::tempdir().unwrap(),
            tree: Arc::default(),
            watchers: Arc::default(),
        };
        for (path, value) in nodes {
            fake.write(path, value.as_bytes());
        }
        let listener = UnixListener::bind(fake.socket()).unwrap();
        let (tree, watchers) = (Arc::clone(&fake.tree), Arc::clone(&fake.watchers));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (tree, watchers) = (Arc::clone(&tree), Arc::clone(&watchers));
                thread::spawn(move || serve(stream.unwrap(), &tree, &watchers));
            }
        });
        fake
    }

    pub(crate) fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("socket")
    }

    pub(crate) fn write(&self, path: &str, value: &[u8]) {
        self.tree
            .lock()
            .unwrap()
            .insert(path.to_owned(), value.to_vec());
    }

    pub(crate) fn remove(&self, path: &str) {
        self.tree.lock().unwrap().remove(path);
    }

    /// Sends every watcher its event, without regard to the watched path.
    pub(crate) fn fire(&self) {
        for (stream, path_and_token) in self.watchers.lock().unwrap().iter_mut() {
            stream.write_all(&message(15, 0, path_and_token)).unwrap();
        }
    }
}

fn serve(
    mut stream: UnixStream,
    tree: &Mutex<BTreeMap<String, Vec<u8>>>,
    watchers: &Mutex<Vec<Watcher>>,
) {
    while let Some((kind, id, payload)) = next_request(&mut stream) {
        let path = String::from_utf8(payload.split(|b| *b == 0).next().unwrap().to_vec()).unwrap();
        let answer = match kind {
            2 => match tree.lock().unwrap().get(&path) {
                Some(value) => message(2, id, value),
                None => message(16, id, b"ENOENT\0"),
            },
            1 => {
                let tree = tree.lock().unwrap();
                let below = format!("{path}/");
                let children = tree.keys().filter_map(|node| node.strip_prefix(&below));
                let names: Vec<&str> = children.filter(|name| !name.contains('/')).collect();
                let list: String = names.iter().map(|name| format!("{name}\0")).collect();
                if tree.contains_key(&path) {
                    message(1, id, list.as_bytes())
                } else {
                    message(16, id, b"ENOENT\0")
                }
            }
            4 => {
                watchers
                    .lock()
                    .unwrap()
                    .push((stream.try_clone().unwrap(), payload.clone()));
                // A real xenstored may send the first event before the answer, too.
                [message(15, 0, &payload), message(4, id, b"OK\0")].concat()
            }
            5 => {
                watchers
                    .lock()
                    .unwrap()
                    .retain(|(_, watched)| *watched != payload);
                message(5, id, b"OK\0")
            }
            other => panic!("request of kind {other}"),
        };
        stream.write_all(&answer).unwrap();
    }
}
