//! `Output`: results on standard output, as text or as one JSON document; notes on standard error.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};

use anstream::AutoStream;
use comfy_table::{Table, presets};
use serde::Serialize;

use crate::chain::chain;
use crate::document;
use crate::failure::Failure;
use crate::standard;
use crate::status::Status;

/// How results are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether results are JSON.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Writes a result: with `--json` the document, otherwise the text.
    pub(crate) fn show(
        self,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        self.show_either(|| document, text)
    }

    /// The same for a document that is large, so that it is made only if it is written.
    pub(crate) fn show_either<D: Serialize>(
        self,
        document: impl FnOnce() -> D,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            self.write(&json(&document())?)
        } else {
            self.write(text().as_bytes())
        }
    }

    /// Writes what `write` writes, piece by piece.
    pub(crate) fn stream(
        self,
        write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let streamed = standard::output().and_then(|stdout| {
            let mut stdout = BufWriter::new(stdout);
            write(&mut stdout)?;
            stdout.flush()
        });
        streamed.map_err(Failure::Output)
    }

    /// Writes bytes as they are.
    pub(crate) fn write(self, bytes: &[u8]) -> Result<(), Failure> {
        // A command that writes nothing works without a standard output.
        if bytes.is_empty() {
            return Ok(());
        }
        standard::output()
            .and_then(|mut stdout| stdout.write_all(bytes))
            .map_err(Failure::Output)
    }

    /// Writes text with styles. They are removed unless the output is a terminal and `NO_COLOR` is
    /// unset.
    pub(crate) fn write_styled(self, text: &str) -> Result<(), Failure> {
        standard::output()
            .and_then(|stdout| AutoStream::auto(stdout).write_all(text.as_bytes()))
            .map_err(Failure::Output)
    }

    /// Writes one line to standard error. If that fails, the failure cannot be reported.
    pub(crate) fn note(self, line: impl Display) {
        let _ = writeln!(io::stderr(), "userdata: {line}");
    }

    /// Reports why the command failed, with `--json` as a document as well.
    pub(crate) fn fail(self, failure: &Failure) -> Status {
        let status = Status::from(failure);
        if failure.is_broken_pipe() {
            return status;
        }
        let message = chain(failure);
        self.note(&message);
        if let Some(advice) = failure.advice() {
            self.note(advice);
        }
        if self.json {
            let found = failure.found();
            let document = document::Error {
                status: status.number(),
                kind: status.word(),
                message,
                changed: failure.changed(),
                found: found.map(|version| version.map(|version| version.to_string())),
            };
            // If this fails, the line above and the exit status remain.
            let _ = self.show(&document, String::new);
        }
        status
    }
}

/// A document as bytes, with a newline at the end.
pub(crate) fn json(document: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let mut bytes =
        serde_json::to_vec(document).map_err(|error| Failure::Output(io::Error::other(error)))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A domain's name, escaped so that it stays on one line: it may contain any characters.
pub(crate) fn printable(name: &str) -> String {
    let escaped = name.chars().flat_map(|c| {
        let quote = matches!(c, '\'' | '"');
        let (as_is, escaped) = if quote {
            (Some(c), None)
        } else {
            (None, Some(c.escape_debug()))
        };
        as_is.into_iter().chain(escaped.into_iter().flatten())
    });
    escaped.collect()
}

/// Rows of words: an aligned table with a head line for a terminal, else lines of fields separated
/// by tabs. No field may contain a tab or a newline.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> String {
    if io::stdout().is_terminal() && !rows.is_empty() {
        aligned(head, rows)
    } else {
        rows.iter().map(|row| row.join("\t") + "\n").collect()
    }
}

fn aligned<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(head);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.trim_fmt();
    text.lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_an_aligned_table() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let text = aligned(["DOMID", "X"], vec![row("1", "abc"), row("32751", "")]);
        assert_eq!(text, "DOMID  X\n1      abc\n32751\n");
    }
}
