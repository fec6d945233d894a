//! A server that passes connections on to a member, until a change was sent; from then on one
//! direction is lost.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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

#[derive(Debug)]
struct Losing {
    what: Loses,
    /// It begins when the clients have sent so many bytes.
    after: usize,
    sent: AtomicUsize,
}

impl Losing {
    fn has_begun(&self) -> bool {
        self.sent.load(Ordering::SeqCst) >= self.after
    }
}

impl Lossy {
    /// Passes on to the member with this URL, until `after` bytes were sent.
    pub(crate) fn start(member: &str, after: usize, what: Loses) -> Result<Self> {
        let member = member.rsplit('/').next().context("no address")?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let sent = AtomicUsize::new(0);
        let losing = Arc::new(Losing { what, after, sent });
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
                        up.sent.fetch_add(bytes, Ordering::SeqCst);
                        up.what == Loses::Requests && up.has_begun()
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
fn copy(mut from: TcpStream, mut to: TcpStream, is_lost: impl Fn(usize) -> bool) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let lost = is_lost(length);
        if !lost
            && to
                .write_all(buffer.get(..length).unwrap_or_default())
                .is_err()
        {
            break;
        }
    }
    // The other end learns that no more comes.
    let _ = to.shutdown(Shutdown::Write);
}
