//! Every link of the site leads to a file of the site, and to a place that is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::book::resolved;

/// A page: the places in it, and where its links lead.
#[derive(Debug, Default)]
struct Page {
    ids: BTreeSet<String>,
    links: BTreeSet<String>,
}

/// Follows all links of the pages below `site`. Links to other sites are not followed.
pub(super) fn check(site: &Path) -> Result<String> {
    let mut paths = Vec::new();
    walk(site, &mut paths)?;
    let mut pages = BTreeMap::new();
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "html"))
    {
        let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let name = path.strip_prefix(site).unwrap_or(path).to_string_lossy();
        pages.insert(name.into_owned(), read(&String::from_utf8_lossy(&text)));
    }
    ensure!(
        pages.contains_key("index.html"),
        "the site has no first page"
    );
    let files = paths.iter().filter_map(|path| path.strip_prefix(site).ok());
    let files: BTreeSet<_> = files
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    let dead = dead(&pages, &files);
    if !dead.is_empty() {
        bail!("{} links lead nowhere:\n{}", dead.len(), dead.join("\n"));
    }
    let followed: usize = pages.values().map(|page| page.links.len()).sum();
    Ok(format!(
        "{} pages, {followed} links lead to their places",
        pages.len()
    ))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let reading = || format!("reading {}", folder.display());
    for entry in fs::read_dir(folder).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn read(html: &str) -> Page {
    let ids = attributes(html, " id=\"").map(str::to_owned).collect();
    let links = ["href=\"", "src=\""]
        .into_iter()
        .flat_map(|name| attributes(html, name));
    let local = |link: &&str| !link.contains(':') && !link.starts_with("//") && !link.is_empty();
    let links = links
        .filter(local)
        .map(|link| link.replace("&amp;", "&"))
        .collect();
    Page { ids, links }
}

/// The values of an attribute.
fn attributes<'h>(html: &'h str, name: &'h str) -> impl Iterator<Item = &'h str> {
    let parts = html.split(name).skip(1);
    parts.filter_map(|rest| Some(rest.split_once('"')?.0))
}

/// The links that lead nowhere, each with its page.
fn dead(pages: &BTreeMap<String, Page>, files: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, page) in pages {
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        for link in &page.links {
            let (path, id) = link.split_once('#').unwrap_or((link, ""));
            let path = path.split('?').next().unwrap_or_default();
            let to = match path {
                "" => name.clone(),
                path => resolved(folder, path),
            };
            let is_there = files.contains(&to) || files.contains(&format!("{to}/index.html"));
            let has_place =
                id.is_empty() || pages.get(&to).is_none_or(|page| page.ids.contains(id));
            if !is_there || !has_place {
                found.push(format!("{name}: {link}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_are_found_and_others_are_not() {
        let a = "<h1 id=\"top\"><a href=\"b/c.html#here\">x</a><a href=\"#top\">y</a>\
                 <a href=\"https://example.org/\">z</a><img src=\"p.svg\"></h1>";
        let c = "<a href=\"../a.html\">a</a><a href=\"../gone.html\">b</a>\
                 <a href=\"../a.html#gone\">c</a>";
        let pages = BTreeMap::from([
            ("a.html".to_owned(), read(a)),
            ("b/c.html".to_owned(), read(c)),
        ]);
        let files = ["a.html", "b/c.html", "p.svg"].map(str::to_owned);
        let dead = dead(&pages, &BTreeSet::from(files));
        let expected = [
            "a.html: b/c.html#here",
            "b/c.html: ../a.html#gone",
            "b/c.html: ../gone.html",
        ];
        assert_eq!(dead, expected);
    }
}
