//! A server that is not etcd listens at the endpoint.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Site, WEB};
use crate::rig::Rig;

/// The timeout of each command, in seconds. None of them comes near it.
const TIMEOUT: u64 = 60;

/// What a server does with a client.
type Serves = fn(TcpStream) -> std::io::Result<()>;

const PAGE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 6\r\n\r\n<html>";

/// Answers one request and closes, as many web servers do.
fn web(mut client: TcpStream) -> std::io::Result<()> {
    read_request(&mut client)?;
    client.write_all(PAGE)
}

/// Answers each request and keeps the connection open.
fn patient_web(mut client: TcpStream) -> std::io::Result<()> {
    loop {
        read_request(&mut client)?;
        client.write_all(PAGE)?;
    }
}

/// As an SSH server does: greets, and then waits for the client's greeting.
pub(super) fn ssh(mut client: TcpStream) -> std::io::Result<()> {
    client.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n")?;
    read_request(&mut client)?;
    client.write_all(b"Invalid SSH identification string.\r\n")
}

/// Reads to the next empty line; the greeting of HTTP/2 has one.
fn read_request(client: &mut TcpStream) -> std::io::Result<()> {
    let (mut last, mut byte) = ([0; 4], [0]);
    while last != *b"\r\n\r\n" {
        client.read_exact(&mut byte)?;
        last.rotate_left(1);
        last[3] = byte[0];
    }
    Ok(())
}

/// Serves each client until this process ends.
pub(super) fn serve(listener: TcpListener, serves: Serves) {
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client may go away at any time.
            thread::spawn(move || serves(client));
        }
    });
}

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let members = cluster.endpoints();
    let mut site = Site::new(rig, &members)?;
    site.tell("a", "pool join", 0, "joined")?;
    site.tell("a", &format!("sim create --name web --uuid {WEB}"), 0, "")?;
    let nginx = "the server is not etcd: HTTP/1.1 400 Bad Request, Server: nginx";
    let openssh = "the server is not etcd: SSH-2.0-OpenSSH_9.2p1";
    let servers: [(Serves, &str); 3] = [(web, nginx), (patient_web, nginx), (ssh, openssh)];
    for (serves, told) in servers {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        serve(listener, serves);
        let file = |endpoints: &[&String]| format!("endpoints = {endpoints:?}\nhost = \"a\"\n");
        site.file("other.toml", &file(&[&url]))?;
        for words in ["store web agent", "retrieve web agent", "list", "pool join"] {
            let words = format!("--pool other.toml {words} --timeout {TIMEOUT}");
            let began = Instant::now();
            site.feed("a", &words, b"lost", 1, &format!("{url}: {told}"))?;
            let time = began.elapsed();
            ensure!(
                time < Duration::from_secs(TIMEOUT),
                "'{words}' took {time:?}"
            );
        }
        // It is passed over if a member answers.
        let all: Vec<&String> = [&url].into_iter().chain(&members).collect();
        site.file("other.toml", &file(&all))?;
        site.feed("a", "--pool other.toml store web agent", b"kept", 0, "")?;
        site.tell("a", "retrieve web agent", 0, "kept")?;
        site.tell("a", "clear web", 0, "")?;
    }
    Ok(format!("{} commands", site.runs))
}
