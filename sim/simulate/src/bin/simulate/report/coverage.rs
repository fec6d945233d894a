//! `Heat`: a table of counts in which more is darker.

use std::collections::BTreeSet;
use std::fmt;

use super::text::{Grouped, Text};
use crate::coverage::Table;

/// A table of counts. A cell without a number never happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heat<'a> {
    pub(crate) title: &'a str,
    pub(crate) about: &'a str,
    /// What the rows are.
    pub(crate) rows: &'a str,
    pub(crate) table: &'a Table,
}

impl fmt::Display for Heat<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.table.is_empty() {
            return Ok(());
        }
        let columns: BTreeSet<&String> = self.table.values().flat_map(|row| row.keys()).collect();
        let counts = self.table.values().flat_map(|row| row.values());
        let most = counts.copied().max().unwrap_or(1);
        writeln!(
            f,
            "<h3>{}</h3>\n<p>{}</p>",
            Text(self.title),
            Text(self.about)
        )?;
        writeln!(
            f,
            "<div class=wide><table class=heat>\n<tr><th>{}</th>",
            Text(self.rows)
        )?;
        for column in &columns {
            write!(f, "<th class=up><span>{}</span></th>", Text(column))?;
        }
        writeln!(f, "</tr>")?;
        for (name, row) in self.table {
            write!(f, "<tr><th>{}</th>", Text(name))?;
            for column in &columns {
                match row.get(*column) {
                    Some(count) if *count > 0 => {
                        let heat = heat(*count, most);
                        write!(f, "<td style=\"--heat:{heat}%\">{}</td>", Grouped(*count))?;
                    }
                    _ => f.write_str("<td class=none>&middot;</td>")?,
                }
            }
            writeln!(f, "</tr>")?;
        }
        writeln!(f, "</table></div>")
    }
}

/// How dark a cell is, in percent: by the number of digits.
fn heat(count: u64, most: u64) -> u64 {
    let bits = |number: u64| u64::from(number.max(1).ilog2()) + 1;
    12 + 68 * bits(count) / bits(most)
}
