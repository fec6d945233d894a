//! The source of the book: the documents, at their places in the project.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

const SUMMARY: &str = "docs/SUMMARY.md";

/// Writes the book of the project at `root` to the folder `source`.
pub(super) fn write(root: &Path, source: &Path, measured: &[String]) -> Result<()> {
    let read =
        |path: &str| fs::read_to_string(root.join(path)).with_context(|| format!("reading {path}"));
    put(&source.join("book.toml"), &read("docs/book.toml")?)?;
    let (summary, files) = moved(&read(SUMMARY)?);
    let src = source.join("src");
    for file in &files {
        let text = read(file)?;
        put(&src.join(page(file)), &with_pages(&text))?;
        for linked in linked_files(file, &text) {
            // A folder has no page. A file that is missing is found as a dead link.
            if root.join(&linked).is_file() {
                put(&src.join(&linked), &read(&linked)?)?;
            }
        }
    }
    let mut summary = with_pages(&summary);
    if !measured.is_empty() {
        summary.push_str("\n---\n\n- [Last measured](measured/index.md)\n");
        put(&src.join("measured/index.md"), &list(measured))?;
    }
    put(&src.join("SUMMARY.md"), &summary)
}

/// The summary with its links from the root of the project on, and the files that it names.
fn moved(summary: &str) -> (String, BTreeSet<String>) {
    let folder = Path::new(SUMMARY).parent().unwrap_or(Path::new(""));
    let (mut text, mut files) = (String::new(), BTreeSet::new());
    for line in summary.lines() {
        let link = line.split_once("](").and_then(|(title, rest)| {
            let path = rest.strip_suffix(')')?;
            Some((title, resolved(folder, path)))
        });
        match link {
            Some((title, file)) => {
                text.push_str(&format!("{title}]({file})\n"));
                files.insert(file);
            }
            None => text.push_str(&format!("{line}\n")),
        }
    }
    (text, files)
}

/// The files that a page links to and that are not pages themselves, such as a header.
fn linked_files(file: &str, text: &str) -> BTreeSet<String> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let links = text.split("](").skip(1);
    links
        .filter_map(|rest| Some(rest.split_once(')')?.0))
        .filter_map(|link| link.split(['#', ' ']).next())
        .filter(|link| !link.is_empty() && !link.contains(':') && !link.contains(".md"))
        .map(|link| resolved(folder, link))
        .collect()
}

/// A relative path from a folder on, without `..`.
pub(super) fn resolved(folder: &Path, path: &str) -> String {
    let mut whole = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::CurDir => {}
            other => whole.push(other),
        }
    }
    whole.to_string_lossy().into_owned()
}

/// The path of a page: mdBook shows `index.md` as the page of its folder.
fn page(file: &str) -> String {
    file.strip_suffix("README.md")
        .map_or_else(|| file.to_owned(), |folder| format!("{folder}index.md"))
}

/// A text with links to pages instead of files.
fn with_pages(text: &str) -> String {
    text.replace("README.md)", "index.md)")
        .replace("README.md#", "index.md#")
}

/// The page of the reports and plots.
fn list(measured: &[String]) -> String {
    let mut page =
        "# Last measured\n\nReports and plots of the machine that built this site.\n\n".to_owned();
    for name in measured {
        if name.ends_with(".svg") {
            page.push_str(&format!("![{name}]({name})\n\n"));
        } else {
            page.push_str(&format!("[The report of the last campaign]({name})\n\n"));
        }
    }
    page
}

fn put(path: &Path, text: &str) -> Result<()> {
    let writing = || format!("writing {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(writing)?;
    }
    fs::write(path, text).with_context(writing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;

    #[test]
    fn the_summary_names_every_document() {
        let summary = fs::read_to_string(project::root().join(SUMMARY)).unwrap();
        let (_, files) = moved(&summary);
        let docs = fs::read_dir(project::root().join("docs")).unwrap();
        for entry in docs {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") && name != "SUMMARY.md" {
                assert!(files.contains(&format!("docs/{name}")), "{name}");
            }
        }
    }

    #[test]
    fn c_names_in_the_documents_are_in_the_header() {
        let read = |path: &str| fs::read_to_string(project::root().join(path)).unwrap();
        let header = read("crates/userdata-capi/include/userdata.h");
        let words = |text: &str| -> BTreeSet<String> {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            words.map(str::to_owned).collect()
        };
        let known = words(&header);
        for page in ["docs/c.md", "docs/moving-from-libxl.md"] {
            let named = words(&read(page));
            let of_c = named.iter().filter(|word| {
                word.starts_with("USERDATA_ERROR_") || word.starts_with("userdata_")
            });
            let of_c: Vec<_> = of_c.collect();
            assert!(of_c.len() > 10, "{page} names {of_c:?}");
            let unknown: Vec<_> = of_c.iter().filter(|word| !known.contains(**word)).collect();
            assert!(unknown.is_empty(), "{page} names {unknown:?}");
        }
    }

    #[test]
    fn linked_files_that_are_not_pages_are_found() {
        let text = "[a](../src/a.h#L3) [b](b.md#c) [c](#d) [d](https://example.org/e.h)";
        let found = linked_files("docs/c.md", text);
        assert_eq!(found, BTreeSet::from(["src/a.h".to_owned()]));
    }

    #[test]
    fn links_of_the_summary_are_moved_and_pages_are_renamed() {
        let (text, files) = moved("# S\n- [A](a.md)\n[B](../README.md)\n");
        assert_eq!(text, "# S\n- [A](docs/a.md)\n[B](README.md)\n");
        assert_eq!(
            files,
            BTreeSet::from(["README.md".to_owned(), "docs/a.md".to_owned()])
        );
        assert_eq!(page("docs/README.md"), "docs/index.md");
        assert_eq!(with_pages("[a](../README.md#b)"), "[a](../index.md#b)");
    }
}
