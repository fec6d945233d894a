//! The tables on standard output.

use std::fmt::Write as _;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use userdata_bench::series::Series;

use crate::calls::{Calls, WORKS};
use crate::lineup::Kind;
use crate::memory::Memory;
use crate::results::{Figure, Measured};
use crate::rounds::{FILES, LENGTH, LENGTHS};
use crate::work::Work;
use crate::writers::Spread;

/// The works whose cost among more files is shown.
pub const GROWING: [Work; 4] = [Work::Replace, Work::Retrieve, Work::List, Work::Clear];

/// A table with a first column of names.
fn table(title: &str, columns: &[String], rows: Vec<(String, Vec<String>)>) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let header = [title.to_owned()].into_iter();
    table.set_header(header.chain(columns.iter().cloned()));
    for (name, cells) in rows {
        // A row without a figure is left out.
        if cells.iter().any(|cell| cell != "-") {
            table.add_row([name].into_iter().chain(cells));
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n\n")
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value < 100.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.0}"),
    }
}

/// Microseconds.
fn time(series: &Series) -> String {
    number(series.median().map(|nanoseconds| nanoseconds / 1e3))
}

/// Microseconds and, in brackets, the ratio to ours: its median and the middle half of the rounds.
fn compared(measured: &Measured, kind: Kind, figure: impl Fn(Kind) -> Figure) -> String {
    let ours = match kind.about().durable {
        true => Kind::OursFull,
        false => Kind::Ours,
    };
    let ratio = measured.ratio(figure(kind), figure(ours));
    let time = time(&measured.series(figure(kind)));
    match (ratio.quantile(0.25), ratio.median(), ratio.quantile(0.75)) {
        (Some(low), Some(median), Some(high)) if kind != ours => {
            let (low, median, high) = (number(Some(low)), number(Some(median)), number(Some(high)));
            format!("{time} ({median}; {low}-{high})")
        }
        _ => time,
    }
}

/// All tables of one file system.
#[must_use]
pub fn tables(measured: &Measured) -> String {
    let mut text = String::new();
    let kinds = measured.kinds();
    let each = |cells: &dyn Fn(Kind) -> Vec<String>| {
        let rows = kinds.iter().map(|kind| (kind.to_string(), cells(*kind)));
        rows.collect::<Vec<_>>()
    };
    let place = &measured.file_system;
    let columns = Work::SINGLE.map(|work| work.to_string());
    text += &table(
        &format!("{place}, {FILES} files: us (ratio to ours)"),
        &columns,
        each(&|kind| {
            let cell = |work| compared(measured, kind, |k| Figure::Single(k, work, LENGTH, FILES));
            Work::SINGLE.map(cell).to_vec()
        }),
    );
    let files = measured.files();
    let columns: Vec<String> = files.iter().map(|files| format!("{files} files")).collect();
    for work in GROWING {
        text += &table(
            &format!("{place}: {work}, us"),
            &columns,
            each(&|kind| {
                let cell = |files: &u32| {
                    compared(measured, kind, |k| Figure::Single(k, work, LENGTH, *files))
                };
                match kind.about().durable {
                    true => Vec::new(),
                    false => files.iter().map(cell).collect(),
                }
            }),
        );
    }
    let mut lengths = [LENGTHS[0], LENGTH, LENGTHS[1]];
    lengths.sort_unstable();
    let columns: Vec<String> = [Work::Replace, Work::Retrieve]
        .iter()
        .flat_map(|work| lengths.map(|length| format!("{work}, {length} bytes")))
        .collect();
    text += &table(
        &format!("{place}, {FILES} files: us"),
        &columns,
        each(&|kind| {
            let cell = |work| {
                lengths
                    .map(|length| time(&measured.series(Figure::Single(kind, work, length, FILES))))
            };
            match kind.about().durable {
                true => Vec::new(),
                false => [cell(Work::Replace), cell(Work::Retrieve)].concat(),
            }
        }),
    );
    text += &destroyed(measured, &kinds);
    text += &written(measured, &kinds);
    text += &whole(measured);
    text
}

fn destroyed(measured: &Measured, kinds: &[Kind]) -> String {
    let mut domains: Vec<u32> = measured.destroyed.iter().map(|d| d.domains).collect();
    domains.sort_unstable();
    domains.dedup();
    if domains.is_empty() {
        return String::new();
    }
    let columns: Vec<String> = domains.iter().map(|n| format!("{n} domains")).collect();
    let rows = kinds.iter().map(|kind| {
        let cell = |domains: &u32| compared(measured, *kind, |k| Figure::Destroyed(k, *domains));
        (kind.to_string(), domains.iter().map(cell).collect())
    });
    let title = format!(
        "{}: destroying one by one, us a domain",
        measured.file_system
    );
    table(&title, &columns, rows.collect())
}

fn written(measured: &Measured, kinds: &[Kind]) -> String {
    let mut columns: Vec<(u32, Spread)> = measured
        .written
        .iter()
        .map(|written| (written.writers, written.spread))
        .collect();
    columns.sort_unstable();
    columns.dedup();
    if columns.is_empty() {
        return String::new();
    }
    let names: Vec<String> = columns
        .iter()
        .map(|(writers, spread)| match (writers, spread) {
            (1, _) => "1 process".to_owned(),
            (_, Spread::One) => format!("{writers}, one domain"),
            (_, Spread::Many) => format!("{writers}, many domains"),
        })
        .collect();
    let rows = kinds.iter().map(|kind| {
        let cell = |(writers, spread): &(u32, Spread)| {
            let found = measured.written.iter().find(|written| {
                written.kind == *kind && written.writers == *writers && written.spread == *spread
            });
            let median = found.and_then(|written| written.stores_per_second.median());
            median.map_or("-".to_owned(), |rate| format!("{rate:.0}"))
        };
        (kind.to_string(), columns.iter().map(cell).collect())
    });
    let title = format!("{}: processes that store, stores/s", measured.file_system);
    table(&title, &names, rows.collect())
}

fn whole(measured: &Measured) -> String {
    if measured.whole.is_empty() {
        return String::new();
    }
    let rows = measured.whole.iter().map(|whole| {
        let quartile = |part| number(whole.rounds.quantile(part));
        let cells = vec![
            number(whole.rounds.median()),
            quartile(0.25),
            quartile(0.75),
            whole.unit.to_owned(),
        ];
        (whole.what.clone(), cells)
    });
    let columns = ["median", "from", "to", "unit"].map(str::to_owned);
    let title = format!("{}: userdata, libxl layout", measured.file_system);
    table(&title, &columns, rows.collect())
}

/// How many system calls the operations make.
#[must_use]
pub fn calls(calls: &[Calls]) -> String {
    let mut kinds: Vec<Kind> = calls.iter().map(|calls| calls.kind).collect();
    kinds.dedup();
    let rows = kinds.iter().map(|kind| {
        let cell = |work| {
            let found = calls.iter().find(|c| c.kind == *kind && c.work == work);
            found.map_or("-".to_owned(), |calls| format!("{:.1}", calls.total()))
        };
        (kind.to_string(), WORKS.map(cell).to_vec())
    });
    let columns = WORKS.map(|work| work.to_string());
    table("system calls", &columns, rows.collect())
}

/// How much memory the peers need.
#[must_use]
pub fn memory(memory: &[Memory]) -> String {
    let rows = memory.iter().map(|one| {
        let cells = [one.opened_kib, one.works_kib, one.long_values_kib];
        let cells = cells.map(|kib| kib.to_string()).to_vec();
        (one.kind.to_string(), cells)
    });
    let columns = ["opened", "more for all works, 4 KiB", "more for 64 KiB"].map(str::to_owned);
    table("peak memory of a process, KiB", &columns, rows.collect())
}

/// Where the figures come from.
#[must_use]
pub fn heading(results: &crate::results::Results) -> String {
    let machine = &results.machine;
    let mut text = format!(
        "Linux {}, {} processors ({}), {} MiB, load {}\n",
        machine.kernel,
        machine.processors,
        machine.processor,
        machine.memory_mib,
        machine.load_before
    );
    for (name, version) in &results.versions {
        let _ = write!(text, "{name} {version}, ");
    }
    text.truncate(text.trim_end_matches(", ").len());
    text += "\nMedians of the rounds; in brackets the ratio to userdata's in the same round, and \
             between which ratios half of the rounds lie\n\n";
    text
}
