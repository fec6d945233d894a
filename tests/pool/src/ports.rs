//! Free ports for members.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// The lowest port that is tried.
const LOWEST: u16 = 12_000;

/// A port of 127.0.0.1 on which nothing listens.
///
/// It is below those that the kernel gives to outgoing connections. One of these could take the
/// port while its member is down, and even connect to itself.
pub(crate) fn free() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = first_of_outgoing().saturating_sub(LOWEST).max(1);
    let start = u16::try_from(u64::from(process::id()) * 37 % u64::from(span))?;
    for _ in 0..span {
        let port = LOWEST + (start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))) % span;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free");
}

fn first_of_outgoing() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = range.split_whitespace().next();
    first
        .and_then(|port| port.parse().ok())
        .filter(|&port| port > LOWEST)
        .unwrap_or(32_768)
}
