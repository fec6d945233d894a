//! Which crate may depend on which.

use std::collections::BTreeSet;

use anyhow::Result;
use cargo_metadata::{DependencyKind, Metadata};

use super::log::Log;
use super::workspace;

/// The other crates of ours that each crate under `crates/` may depend on.
const MAY_USE: &[(&str, &[&str])] = &[
    ("userdata-core", &[]),
    ("userdata-archive", &["userdata-core"]),
    ("userdata-fs", &["userdata-core"]),
    ("userdata-pool", &["userdata-core"]),
    ("userdata-etcd", &["userdata-core", "userdata-pool"]),
    ("hv-sim", &["userdata-core"]),
    ("hv-xen", &["userdata-core"]),
    ("userdata", &["userdata-core"]),
    (
        "userdata-testkit",
        &["hv-sim", "userdata-core", "userdata-fs"],
    ),
    (
        "userdata-cli",
        &[
            "hv-sim",
            "hv-xen",
            "userdata",
            "userdata-archive",
            "userdata-core",
            "userdata-etcd",
            "userdata-fs",
            "userdata-pool",
            "userdata-testkit",
        ],
    ),
    (
        "userdata-capi",
        &[
            "hv-sim",
            "hv-xen",
            "userdata",
            "userdata-archive",
            "userdata-fs",
        ],
    ),
    (
        "userdata-libxl",
        &["hv-sim", "hv-xen", "userdata", "userdata-fs"],
    ),
];

/// The packages outside `crates/` on which other packages there may depend.
const SIMULATION: [&str; 2] = ["userdata-sim", "userdata-simulate"];

/// One of our packages depends on another.
#[derive(Debug)]
struct Edge {
    from: String,
    to: String,
    /// Only its tests and examples depend on it.
    dev: bool,
}

/// Our packages: the names of those under `crates/`, and how all depend on each other.
#[derive(Debug, Default)]
struct Graph {
    crates: BTreeSet<String>,
    edges: Vec<Edge>,
}

/// Fails where one of our packages depends on another that is not below it.
pub(crate) fn check(_: &mut Log) -> Result<String> {
    let graph = read(&workspace::metadata(&["--no-deps"])?);
    workspace::refuse(&problems(&graph))?;
    Ok(format!(
        "{} crates, {} edges",
        graph.crates.len(),
        graph.edges.len()
    ))
}

fn read(metadata: &Metadata) -> Graph {
    let members = metadata.workspace_packages();
    let names: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut graph = Graph::default();
    for member in &members {
        if workspace::folder(metadata, member).starts_with("crates/") {
            graph.crates.insert(member.name.to_string());
        }
        let inner = member
            .dependencies
            .iter()
            .filter(|d| names.contains(d.name.as_str()));
        graph.edges.extend(inner.map(|dependency| Edge {
            from: member.name.to_string(),
            to: dependency.name.clone(),
            dev: dependency.kind == DependencyKind::Development,
        }));
    }
    graph
}

fn problems(graph: &Graph) -> Vec<String> {
    let mut problems = Vec::new();
    for name in &graph.crates {
        if allowed(name).is_none() {
            problems.push(format!("{name} has no line in the table of directions"));
        }
    }
    for (name, _) in MAY_USE {
        if !graph.crates.contains(*name) {
            problems.push(format!(
                "{name} is in the table of directions but not under crates/"
            ));
        }
    }
    for edge in &graph.edges {
        let Edge { from, to, dev } = edge;
        let shown = format!("{from} -> {to}{}", if *dev { " (dev)" } else { "" });
        if !graph.crates.contains(to)
            && (graph.crates.contains(from) || !SIMULATION.contains(&to.as_str()))
        {
            problems.push(format!("{shown}: {to} is above it"));
        } else if !dev && allowed(from).is_some_and(|may| !may.contains(&to.as_str())) {
            problems.push(format!("{shown}: not in the table of directions"));
        } else if *dev && reaches(graph, to, from) {
            problems.push(format!(
                "{shown}: {to} is built on {from}, so its tests see two of it"
            ));
        }
    }
    problems
}

fn allowed(name: &str) -> Option<&'static [&'static str]> {
    MAY_USE
        .iter()
        .find(|(from, _)| *from == name)
        .map(|(_, may)| *may)
}

/// Whether a path of dependencies leads from one package to another.
fn reaches(graph: &Graph, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(name) = next.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            let edges = graph.edges.iter().filter(|edge| edge.from == name);
            next.extend(edges.map(|edge| edge.to.as_str()));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(edges: &[(&str, &str, bool)]) -> Vec<String> {
        let crates = MAY_USE.iter().map(|(name, _)| (*name).to_owned()).collect();
        let edge = |&(from, to, dev): &(&str, &str, bool)| Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            dev,
        };
        problems(&Graph {
            crates,
            edges: edges.iter().map(edge).collect(),
        })
    }

    #[test]
    fn edges_downwards_pass() {
        let edges = [
            ("userdata-fs", "userdata-core", false),
            ("userdata-testkit", "userdata-fs", false),
            ("userdata", "userdata-fs", true),
            ("userdata-sim", "userdata-fs", false),
            ("userdata-simulate", "userdata-sim", false),
            ("userdata-fuzz", "userdata-simulate", false),
            ("userdata-tests", "userdata-sim", false),
            ("xtask", "hv-sim", true),
        ];
        assert_eq!(found(&edges), Vec::<String>::new());
    }

    #[test]
    fn an_edge_between_neighbours_is_found() {
        let problem = "hv-sim -> userdata-fs: not in the table of directions";
        assert_eq!(found(&[("hv-sim", "userdata-fs", false)]), [problem]);
    }

    #[test]
    fn an_edge_upwards_is_found() {
        let problem = "userdata-cli -> userdata-sim: userdata-sim is above it";
        assert_eq!(found(&[("userdata-cli", "userdata-sim", false)]), [problem]);
        let problem = "userdata -> userdata-tests (dev): userdata-tests is above it";
        assert_eq!(found(&[("userdata", "userdata-tests", true)]), [problem]);
        let problem = "userdata-sim -> xtask: xtask is above it";
        assert_eq!(found(&[("userdata-sim", "xtask", false)]), [problem]);
    }

    #[test]
    fn a_circle_through_tests_is_found() {
        let edges = [
            ("userdata-testkit", "hv-sim", false),
            ("hv-sim", "userdata-testkit", true),
        ];
        let problem = "hv-sim -> userdata-testkit (dev): userdata-testkit is built on hv-sim, so \
                       its tests see two of it";
        assert_eq!(found(&edges), [problem]);
    }

    #[test]
    fn a_crate_without_directions_is_found() {
        let mut crates: BTreeSet<String> =
            MAY_USE.iter().map(|(name, _)| (*name).to_owned()).collect();
        crates.insert("newcomer".to_owned());
        crates.remove("hv-xen");
        let expected = [
            "newcomer has no line in the table of directions",
            "hv-xen is in the table of directions but not under crates/",
        ];
        assert_eq!(
            problems(&Graph {
                crates,
                edges: vec![]
            }),
            expected
        );
    }
}
