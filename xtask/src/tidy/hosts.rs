//! Packages come from wherever the user's own tools get them.

use super::finding::Finding;
use super::texts::Texts;

/// Hosts of package registries, in parts: this file is read by its own rule.
const HOSTS: [&[&str]; 9] = [
    &["crates", "io"],
    &["pypi", "org"],
    &["pythonhosted", "org"],
    &["npmjs", "org"],
    &["deb", "debian", "org"],
    &["ftp", "debian", "org"],
    &["security", "debian", "org"],
    &["archive", "debian", "org"],
    &["snapshot", "debian", "org"],
];

/// No host of a package registry is named.
pub(crate) fn no_registry_is_named(texts: &Texts) -> Vec<Finding> {
    let hosts = HOSTS.map(|labels| labels.join("."));
    let mut found = Vec::new();
    for text in texts.all() {
        for (number, line) in text.lines() {
            let line = line.to_ascii_lowercase();
            let named = hosts.iter().filter(|host| line.contains(host.as_str()));
            found.extend(
                named.map(|host| {
                    Finding::at(&text.path, number, format!("names the registry {host}"))
                }),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_registry_is_found() {
        for labels in HOSTS {
            let host = labels.join(".");
            let source = format!("plain\nfetch https://static.{}/x\n", host.to_uppercase());
            let found = no_registry_is_named(&Texts::of(&[("a.md", &source)]));
            assert_eq!(
                found,
                [Finding::at("a.md", 2, format!("names the registry {host}"))]
            );
        }
    }
}
