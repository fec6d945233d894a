//! What etcd itself remembers: every version of every key, in the order of their revisions.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::cluster::Cluster;

/// How long etcd may take to tell all of it.
const LIMIT: Duration = Duration::from_secs(60);

/// The key whose change is the last that is read.
const LAST: &str = "/the-last";

/// One change of one key.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) revision: i64,
    pub(crate) key: String,
    /// `None` if the key was removed.
    pub(crate) value: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct Told {
    #[serde(rename = "Events", default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    /// Absent for a put.
    #[serde(rename = "type", default)]
    kind: u8,
    kv: Pair,
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    mod_revision: i64,
    #[serde(default)]
    value: String,
}

/// A child that is killed when it is dropped.
struct Watch(Child);

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Every change since the cluster is new. Nothing was compacted.
pub(crate) fn all(cluster: &Cluster) -> Result<Vec<Change>> {
    let mut command = Command::new(&cluster.programs.etcdctl);
    command.env("ETCDCTL_API", "3").arg("--endpoints");
    command.arg(cluster.endpoints().join(","));
    command.args(["watch", "--prefix", "/", "--rev=1", "--write-out=json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = command.stderr(Stdio::null()).spawn();
    let mut watch = Watch(child.context("cannot run etcdctl")?);
    cluster.ctl(&["put", LAST, "now"])?;
    let out = watch.0.stdout.take().context("etcdctl has no pipe")?;
    let (mut changes, started) = (Vec::new(), Instant::now());
    for line in BufReader::new(out).lines() {
        ensure!(started.elapsed() < LIMIT, "etcd does not tell all of it");
        let told: Told = serde_json::from_str(&line?).context("etcdctl told no JSON")?;
        for event in told.events {
            let key = String::from_utf8(STANDARD.decode(&event.kv.key)?)?;
            if key == LAST {
                return Ok(changes);
            }
            let value = (event.kind == 0).then(|| STANDARD.decode(&event.kv.value));
            changes.push(Change {
                revision: event.kv.mod_revision,
                key,
                value: value.transpose()?,
            });
        }
    }
    anyhow::bail!("etcdctl ended early")
}

/// The words `name=value` of a record.
pub(crate) fn words(record: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(record);
    text.split(' ')
        .map(|word| word.split_once('=').unwrap_or((word, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
