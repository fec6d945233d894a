//! A server that passes connections on to a member, until a change is sent; from then on one
//! direction is lost.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result};

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loses {
    /// The request, so that the change is not made.
    Requests,
    /// Its answer.
    Answers,
}

/// The server; it ends with this process.
#[derive(Debug)]
pub(crate) struct Lossy {
    port: u16,
}

/// How the change is known.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// With it the clients have sent so many bytes.
    Bytes(usize),
    /// It has this key twice, as a condition and in a request.
    Of(String),
}

#[derive(Debug)]
struct Losing {
    what: Loses,
    change: Change,
    sent: AtomicUsize,
    has_begun: AtomicBool,
}

impl Losing {
    fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::SeqCst)
    }

    /// Whether the change was sent, now that these bytes are.
    fn send(&self, bytes: &[u8]) -> bool {
        let sent = self.sent.fetch_add(bytes.len(), Ordering::SeqCst) + bytes.len();
        let is_change = match &self.change {
            Change::Bytes(after) => sent >= *after,
            Change::Of(key) => String::from_utf8_lossy(bytes).matches(key).count() > 1,
        };
        self.has_begun.fetch_or(is_change, Ordering::SeqCst) || is_change
    }
}

impl Lossy {
    /// Passes on to the member with this URL, until the change is sent.
    pub(crate) fn start(member: &str, change: Change, what: Loses) -> Result<Self> {
        let member = member.rsplit('/').next().context("no address")?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let losing = Arc::new(Losing {
            what,
            change,
            sent: AtomicUsize::new(0),
            has_begun: AtomicBool::new(false),
        });
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&member) else {
                    continue;
                };
                let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone()) else {
                    continue;
                };
                let losing = [Arc::clone(&losing), Arc::clone(&losing)];
                let [up, down] = losing;
                thread::spawn(move || {
                    copy(from, to, |bytes| {
                        let has_begun = up.send(bytes);
                        up.what == Loses::Requests && has_begun
                    })
                });
                thread::spawn(move || {
                    copy(server, client, |_| {
                        down.what == Loses::Answers && down.has_begun()
                    })
                });
            }
        });
        Ok(Self { port })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Copies to the end, but for what is lost.
fn copy(mut from: TcpStream, mut to: TcpStream, is_lost: impl Fn(&[u8]) -> bool) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = buffer.get(..length).unwrap_or_default();
        if !is_lost(bytes) && to.write_all(bytes).is_err() {
            break;
        }
    }
    // The other end learns that no more comes.
    let _ = to.shutdown(Shutdown::Write);
}
