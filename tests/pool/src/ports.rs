//! Free ports for members.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// The lowest port that is used.
const LOWEST: u16 = 12_000;

/// How many ports one process has: more than the members of its checks need at a time.
const BLOCK: u16 = 100;

/// The ports of this process. The first one is listened on as long as it runs, so that no other
/// process of this program takes the others, also while a member is down.
#[derive(Debug)]
struct Block {
    first: u16,
    used: u16,
    _held: TcpListener,
}

static OURS: Mutex<Option<Block>> = Mutex::new(None);

/// A port of 127.0.0.1 on which nothing listens.
///
/// It is below those that the kernel gives to outgoing connections. One of these could take the
/// port while its member is down, and even connect to itself.
pub(crate) fn free() -> Result<u16> {
    let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    let block = match &mut *ours {
        Some(block) => block,
        none => none.insert(Block::take()?),
    };
    for _ in 1..BLOCK {
        block.used = block.used % (BLOCK - 1) + 1;
        let port = block.first + block.used;
        if listen(port).is_some() {
            return Ok(port);
        }
    }
    bail!("no port is free");
}

impl Block {
    fn take() -> Result<Self> {
        let blocks = u32::from((first_of_outgoing() - LOWEST) / BLOCK);
        for number in 0..blocks {
            let number = u16::try_from((process::id() % blocks + number) % blocks)?;
            let first = LOWEST + number * BLOCK;
            if let Some(held) = listen(first) {
                return Ok(Self {
                    first,
                    used: 0,
                    _held: held,
                });
            }
        }
        bail!("no block of ports is free");
    }
}

fn listen(port: u16) -> Option<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
}

fn first_of_outgoing() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = range.split_whitespace().next();
    first
        .and_then(|port| port.parse().ok())
        .filter(|&port| port >= LOWEST + BLOCK)
        .unwrap_or(32_768)
}
