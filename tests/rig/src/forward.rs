//! `rig forward HOST PORT...`: makes servers of another host appear on 127.0.0.1.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result, ensure};

/// Passes connections to these ports on, until it is killed.
pub(crate) fn until_killed(host: &str, ports: &[&str]) -> Result<bool> {
    ensure!(!ports.is_empty(), "no port is named");
    let listeners = ports.iter().map(|port| {
        let port: u16 = port.parse().with_context(|| format!("no port: {port}"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("cannot listen on port {port}"))?;
        Ok((port, listener))
    });
    let listeners: Vec<_> = listeners.collect::<Result<_>>()?;
    thread::scope(|scope| {
        for (port, listener) in &listeners {
            scope.spawn(|| {
                for client in listener.incoming().flatten() {
                    let host = host.to_owned();
                    let port = *port;
                    // A connection that cannot be made is closed; the client sees that.
                    thread::spawn(move || {
                        let server = TcpStream::connect((&*host, port))?;
                        join(client, server)
                    });
                }
            });
        }
    });
    Ok(true)
}

/// Copies in both directions until both are at their ends.
fn join(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    let upwards = thread::spawn(move || copy(&from, &to));
    copy(&server, &client)?;
    upwards.join().unwrap_or(Ok(()))
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let copied = io::copy(&mut from, &mut to);
    // The other end is told that no more comes, also after a failure.
    let _ = to.shutdown(Shutdown::Write);
    copied.map(drop)
}
