//! Servers that send the same bytes to every client.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use userdata_etcd::{EtcdEngine, EtcdOptions};
use userdata_pool::{Request, Span, Txn};

/// What a server does with a client.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Sends nothing, and keeps the connection.
    Nothing,
    /// Reads what there is, sends these bytes, and closes.
    Sends(Vec<u8>),
    /// The same, but keeps the connection.
    Keeps(Vec<u8>),
    /// Answers every request over HTTP/2, as etcd would.
    Answers {
        /// The message, in protobuf.
        message: Vec<u8>,
        /// gRPC's code and text.
        status: (u8, &'static str),
    },
    /// Answers every request over HTTP/2 with this status of HTTP, as a proxy would. It has three
    /// digits.
    Http(&'static str),
    /// Answers the first request of the first client with this status, and no other.
    AnswersOnce(u8, &'static str),
}

/// The frames of data that clients have sent.
type Asked = Arc<Mutex<Vec<Vec<u8>>>>;

/// A server on a port of its own.
pub(crate) struct Server {
    port: u16,
    clients: Arc<AtomicUsize>,
    asked: Asked,
}

impl Server {
    pub(crate) fn new(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let clients = Arc::new(AtomicUsize::new(0));
        let (count, asked) = (Arc::clone(&clients), Asked::default());
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming() {
                let before = count.fetch_add(1, Ordering::SeqCst);
                let (client, does, seen) = (client.unwrap(), does.clone(), Arc::clone(&seen));
                thread::spawn(move || serve(client, &does, before == 0, &seen));
            }
        });
        Self {
            port,
            clients,
            asked,
        }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    pub(crate) fn clients(&self) -> usize {
        self.clients.load(Ordering::SeqCst)
    }

    /// The requests over HTTP/2 since the last call.
    pub(crate) fn asked(&self) -> Vec<u8> {
        std::mem::take(&mut *self.asked.lock().unwrap()).concat()
    }
}

/// A port at which nothing listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

pub(crate) fn engine(urls: &[&str]) -> EtcdEngine {
    let endpoints = urls.iter().map(|url| url.parse().unwrap()).collect();
    EtcdEngine::new(EtcdOptions {
        endpoints,
        ..EtcdOptions::default()
    })
    .unwrap()
}

pub(crate) fn reading() -> Txn {
    Txn::read([Span::key(b"key".to_vec())])
}

pub(crate) fn change() -> Txn {
    let span = Span::key(b"key".to_vec());
    Txn {
        requests: vec![Request::Delete { span }],
        ..Txn::default()
    }
}

/// An error and all its sources.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

fn serve(mut client: TcpStream, does: &Does, is_first: bool, asked: &Asked) {
    let mut bytes = [0; 4096];
    match does {
        Does::Nothing => {
            thread::sleep(Duration::from_secs(60));
        }
        Does::Sends(text) => {
            let _ = client.read(&mut bytes);
            let _ = client.write_all(text);
            let _ = client.shutdown(Shutdown::Both);
        }
        Does::Keeps(text) => {
            let _ = client.read(&mut bytes);
            let _ = client.write_all(text);
            thread::sleep(Duration::from_secs(60));
        }
        Does::Answers { message, status } => {
            // The client may go away at any time.
            let response = |stream| response(stream, message, *status);
            let _ = answer(client, &response, usize::MAX, asked);
        }
        Does::AnswersOnce(code, text) => {
            let response = |stream| response(stream, &[], (*code, text));
            let _ = answer(client, &response, usize::from(is_first), asked);
        }
        Does::Http(status) => {
            let response = |stream| http_response(stream, status);
            let _ = answer(client, &response, usize::MAX, asked);
        }
    }
}

/// HTTP/2, as far as one client after the other needs it, with so many answers.
fn answer(
    mut client: TcpStream,
    response: &dyn Fn(u32) -> Vec<u8>,
    mut answers: usize,
    asked: &Asked,
) -> std::io::Result<()> {
    const DATA: u8 = 0;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    let mut greeting = [0; 24];
    client.read_exact(&mut greeting)?;
    client.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    loop {
        let mut head = [0; 9];
        client.read_exact(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut body = vec![0; usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)];
        client.read_exact(&mut body)?;
        let stream = u32::from_be_bytes(stream);
        if kind == DATA {
            asked.lock().unwrap().extend([body.clone()]);
        }
        let is_end = flags & 1 == 1;
        match kind {
            SETTINGS if !is_end => client.write_all(&frame(SETTINGS, 1, 0, &[]))?,
            PING if !is_end => client.write_all(&frame(PING, 1, 0, &body))?,
            // The last frame of a request.
            0 | 1 if is_end && answers > 0 => {
                answers -= 1;
                client.write_all(&response(stream))?;
            }
            _ => {}
        }
    }
}

const HEADERS: u8 = 1;
const END_OF_HEADERS: u8 = 4;

/// An answer without a body.
fn http_response(stream: u32, status: &str) -> Vec<u8> {
    let sent = field(":status", status);
    frame(HEADERS, END_OF_HEADERS | 1, stream, &sent)
}

fn response(stream: u32, message: &[u8], (code, text): (u8, &str)) -> Vec<u8> {
    const DATA: u8 = 0;
    let mut sent = vec![0x88];
    sent.extend(field("content-type", "application/grpc"));
    let mut bytes = frame(HEADERS, END_OF_HEADERS, stream, &sent);
    let mut data = vec![0];
    data.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    data.extend(message);
    if code == 0 {
        bytes.extend(frame(DATA, 0, stream, &data));
    }
    let mut trailers = field("grpc-status", &code.to_string());
    trailers.extend(field("grpc-message", text));
    bytes.extend(frame(HEADERS, END_OF_HEADERS | 1, stream, &trailers));
    bytes
}

fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let mut bytes = length.into_iter().skip(1).collect::<Vec<_>>();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// A header field that is not compressed.
fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        bytes.push(u8::try_from(text.len()).unwrap());
        bytes.extend(text.as_bytes());
    }
    bytes
}
