//! The manual pages of section 3, from the comments of the header.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::header::{Documented, Header};

pub(super) const HEADER: &str = "crates/userdata-capi/include/userdata.h";

/// The page about what all functions have in common.
const OVERVIEW: &str = "libuserdata";

/// Writes a page for each function of the header of this source; returns how many.
pub(super) fn write(source: &Path, folder: &Path) -> Result<usize> {
    let path = source.join(HEADER);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let header = Header::parse(&text);
    ensure!(!header.functions.is_empty(), "{HEADER} has no functions");
    let put = |name: &str, page: &str| {
        let path = folder.join(format!("{name}.3"));
        fs::write(&path, page).with_context(|| format!("writing {}", path.display()))
    };
    put(OVERVIEW, &overview(&header))?;
    for one in &header.functions {
        let (first, others) = one.names.split_first().context("a page has no name")?;
        put(first, &page(one))?;
        for other in others {
            put(other, &format!(".so man3/{first}.3\n"))?;
        }
    }
    Ok(header.functions.iter().map(|one| one.names.len()).sum())
}

fn page(one: &Documented) -> String {
    let first = one.names.first().map(String::as_str).unwrap_or_default();
    let mut page = head(first, &one.names.join(", "), &summary(one));
    page.push_str(".SH SYNOPSIS\n.nf\n#include <userdata.h>\n\n");
    page.push_str(&escaped(&one.synopsis.join("\n")));
    page.push_str("\n.fi\n.SH DESCRIPTION\n");
    page.push_str(&escaped(&one.text));
    for (name, remark) in &one.remarks {
        page.push_str(&format!("\n.PP\n.B {name}\n: {}", escaped(remark)));
    }
    page.push_str("\n.SH RETURN VALUE\n");
    page.push_str("A function of type int returns 0 or a negative enum userdata_error; ");
    page.push_str(OVERVIEW);
    page.push_str("(3)\nhas the list, and what holds for all functions.\n.SH SEE ALSO\n");
    page.push_str(&format!(".BR {OVERVIEW} (3),\n.BR userdata (1)\n"));
    page
}

fn overview(header: &Header) -> String {
    let mut page = head(
        OVERVIEW,
        OVERVIEW,
        "per-domain data for Xen toolstacks, in C",
    );
    page.push_str(".SH SYNOPSIS\n.nf\n#include <userdata.h>\n\n");
    page.push_str("cc program.c $(pkg-config --cflags --libs userdata)\n.fi\n");
    page.push_str(".SH DESCRIPTION\n.nf\n");
    page.push_str(&escaped(&header.about));
    page.push_str("\n.fi\n.SH TYPES AND CONSTANTS\n.nf\n");
    page.push_str(&escaped(&header.types.join("\n\n")));
    page.push_str("\n.fi\n.SH SEE ALSO\n");
    let firsts = header.functions.iter().filter_map(|one| one.names.first());
    for name in firsts {
        page.push_str(&format!(".BR {name} (3),\n"));
    }
    page.push_str(".BR userdata (1),\n.BR userdata (5)\n");
    page
}

fn head(name: &str, names: &str, summary: &str) -> String {
    let title = name.to_uppercase();
    let version = env!("CARGO_PKG_VERSION");
    let summary = escaped(summary);
    format!(
        ".TH {title} 3 \"\" \"userdata {version}\" \"Library Functions\"\n\
         .SH NAME\n{names} \\- {summary}\n"
    )
}

/// The first sentence, as the line of a list: without capital and full stop.
fn summary(one: &Documented) -> String {
    let text = one.text.replace('\n', " ");
    let remark = one.remarks.first().map(|(_, remark)| remark.as_str());
    let text = if text.is_empty() {
        remark.unwrap_or_default()
    } else {
        &text
    };
    let sentence = text.split_once(". ").map_or(text, |(first, _)| first);
    let sentence = sentence
        .split_once(';')
        .map_or(sentence, |(first, _)| first);
    let sentence = sentence.trim_end_matches('.');
    let mut letters = sentence.chars();
    letters
        .next()
        .map(|first| first.to_lowercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Text that roff prints as it is.
fn escaped(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        if line.starts_with(['.', '\'']) {
            format!("\\&{line}")
        } else {
            line
        }
    });
    let lines: Vec<String> = lines.collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dist::files;
    use crate::project;

    #[test]
    fn each_function_that_is_exported_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let written = write(project::root(), folder.path()).unwrap();
        let map = project::root().join("crates/userdata-capi/libuserdata.map");
        let map = fs::read_to_string(map).unwrap();
        let exported = map.lines().filter_map(|line| line.trim().strip_suffix(';'));
        let exported = exported.filter(|name| name.starts_with("userdata_"));
        let exported: BTreeSet<String> = exported.map(|name| format!("{name}.3")).collect();
        let pages = files(folder.path(), |name| name != "libuserdata.3").unwrap();
        let pages: BTreeSet<String> = pages
            .iter()
            .map(|page| page.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(pages, exported);
        assert_eq!(pages.len(), written);
    }

    #[test]
    fn a_page_has_the_comment_and_the_declaration() {
        let one = Documented {
            names: vec!["put".to_owned(), "drop".to_owned()],
            text: "Puts it\n.there. More.".to_owned(),
            synopsis: vec!["int put(void);".to_owned()],
            remarks: vec![("drop".to_owned(), "NULL is allowed".to_owned())],
        };
        let page = page(&one);
        for part in [
            ".TH PUT 3 ",
            "\nput, drop \\- puts it .there\n",
            "\nint put(void);\n.fi\n",
            "\nPuts it\n\\&.there. More.\n.PP\n.B drop\n: NULL is allowed\n",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }
}
