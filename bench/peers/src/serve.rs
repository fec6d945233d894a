//! `serve`: a peer of this program in a process that does what lines on its standard input say, as
//! `c/timed.c` describes them.

use std::io::{BufRead, Write};
use std::str::{FromStr, SplitWhitespace};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum as _;

use crate::peer::Peer;
use crate::slot::{Slot, Subject};
use crate::work::{Turn, Values, Work, store_for};

/// Obeys until the input ends.
///
/// # Errors
///
/// When a command is not understood, or a pipe fails.
pub fn serve(peer: &mut dyn Peer, mut input: impl BufRead, mut output: impl Write) -> Result<()> {
    writeln!(output, "ready")?;
    output.flush()?;
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        let mut words = Words(line.split_whitespace());
        let command = words.word()?;
        match obey(peer, command, &mut words, &mut input) {
            Ok(answer) => output.write_all(&answer)?,
            Err(error) => writeln!(output, "failed: {error:#}")?,
        }
        output.flush()?;
        line.clear();
    }
    Ok(())
}

/// The words of a command behind the first one.
struct Words<'l>(SplitWhitespace<'l>);

impl<'l> Words<'l> {
    fn word(&mut self) -> Result<&'l str> {
        self.0.next().context("a command that is too short")
    }

    fn number<N: FromStr>(&mut self) -> Result<N> {
        let word = self.word()?;
        word.parse()
            .map_err(|_| anyhow::anyhow!("{word:?} is not a number"))
    }

    fn domain(&mut self) -> Result<Subject> {
        Subject::of_domid(self.number()?)
    }

    fn slot(&mut self) -> Result<Slot> {
        self.domain()?.slot(self.number()?)
    }
}

fn obey(
    peer: &mut dyn Peer,
    command: &str,
    words: &mut Words<'_>,
    input: &mut impl BufRead,
) -> Result<Vec<u8>> {
    let done = || Ok(b"ok\n".to_vec());
    match command {
        "domains" => {
            // The uuid of each is known by its domid.
            let mut line = String::new();
            for _ in 0..words.number::<u32>()? {
                input.read_line(&mut line)?;
            }
            done()
        }
        "store" => {
            let slot = words.slot()?;
            let mut value = vec![0; words.number()?];
            input.read_exact(&mut value)?;
            peer.store(&slot, &value)?;
            done()
        }
        "retrieve" => match peer.retrieve(&words.slot()?)? {
            None => Ok(b"none\n".to_vec()),
            Some(value) => {
                let mut answer = format!("value {}\n", value.len()).into_bytes();
                answer.extend(value);
                Ok(answer)
            }
        },
        "size" => Ok(match peer.size(&words.slot()?)? {
            None => b"none\n".to_vec(),
            Some(size) => format!("size {size}\n").into_bytes(),
        }),
        "list" => {
            let listed = peer.list(&words.domain()?)?;
            let mut answer = format!("names {}\n", listed.len());
            listed.iter().for_each(|userid| {
                answer.push_str(userid);
                answer.push('\n');
            });
            Ok(answer.into_bytes())
        }
        "remove" => {
            peer.remove(&words.slot()?)?;
            done()
        }
        "clear" => {
            peer.clear(&words.domain()?)?;
            done()
        }
        "turn" => {
            let took = peer.turn(&turn(words)?)?;
            Ok(format!("ns={}\n", took.as_nanos()).into_bytes())
        }
        "write" => {
            let (slot, length, seed) = (words.slot()?, words.number()?, words.number()?);
            let span = Duration::from_millis(words.number()?);
            let (stored, took) = store_for(peer, &slot, Values::new(seed, length), span)?;
            Ok(format!("done={stored} ns={}\n", took.as_nanos()).into_bytes())
        }
        _ => bail!("{command:?} is not a command"),
    }
}

fn turn(words: &mut Words<'_>) -> Result<Turn> {
    let work = Work::from_str(words.word()?, false).map_err(anyhow::Error::msg)?;
    Ok(Turn {
        work,
        domain: words.domain()?,
        number: words.number()?,
        length: words.number()?,
        seed: words.number()?,
        early: words.number()?,
        times: words.number()?,
    })
}
