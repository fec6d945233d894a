//! What listens at an endpoint that broke off: a web server, for example.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::endpoint::Endpoint;
use crate::error::NotEtcd;

const LIMIT: Duration = Duration::from_millis(150);

/// Old enough to be understood by every web server; etcd answers it with its version.
const QUESTION: &[u8] = b"GET /version HTTP/1.0\r\n\r\n";

/// What was seen at an endpoint without TLS.
#[derive(Debug)]
pub(crate) enum Seen {
    /// Another server, which has answered.
    Other(NotEtcd),
    /// A server that closes the connection without a byte, as etcd does that wants TLS.
    Closes,
}

/// What answers at an endpoint without TLS; `None` if it is etcd, or if nothing is known.
pub(crate) async fn probe(endpoint: &Endpoint) -> Option<Seen> {
    if endpoint.is_tls() {
        return None;
    }
    let answer = timeout(LIMIT, ask(endpoint)).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&answer);
    if text.contains("etcdserver") {
        return None;
    }
    if text.is_empty() {
        return Some(Seen::Closes);
    }
    let mut lines = text.lines().map(str::trim_end);
    let first: String = lines.next()?.chars().take(80).collect();
    let named = lines.find(|line| line.to_ascii_lowercase().starts_with("server:"));
    let told = named.map_or(first.clone(), |named| format!("{first}, {named}"));
    Some(Seen::Other(NotEtcd::OtherServer(told)))
}

/// The first bytes that the server sends.
async fn ask(endpoint: &Endpoint) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect((endpoint.host(), endpoint.port())).await?;
    stream.writable().await?;
    let _ = stream.try_write(QUESTION)?;
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while answer.len() < piece.len() {
        stream.readable().await?;
        match stream.try_read(&mut piece) {
            Ok(0) => break,
            Ok(read) => answer.extend(piece.iter().take(read)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // What was sent before the connection was reset is an answer, too.
            Err(_) => break,
        }
        // A server that greets, and then waits, has told its name.
        if answer.ends_with(b"\n") && !answer.starts_with(b"HTTP/") {
            break;
        }
        // A web server may keep the connection open.
        if is_whole(&answer) {
            break;
        }
    }
    Ok(answer)
}

/// Whether an answer has all the bytes that its head announces. The head alone does not show
/// whether the server is etcd: the body has etcd's version.
fn is_whole(answer: &[u8]) -> bool {
    let end = b"\r\n\r\n";
    let Some(at) = answer.windows(end.len()).position(|bytes| bytes == end) else {
        return false;
    };
    let (head, rest) = answer.split_at(at);
    let announced = String::from_utf8_lossy(head).lines().find_map(|line| {
        let (name, length) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| length.trim().parse::<usize>().ok())?
    });
    announced.is_some_and(|length| rest.len() - end.len() >= length)
}
