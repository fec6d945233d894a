//! Our command on a pool of hosts, of which this host is the member `a`.

use anyhow::{Context, Result, ensure};
use userdata_core::DomainKey;

use crate::ours;
use crate::program::Ended;

/// The file that describes the pool.
pub(crate) const FILE: &str = "/payload/pool.toml";

/// The name of this host in the pool.
pub(crate) const HERE: &str = "a";

/// `userdata --pool FILE ARGUMENTS`, with any exit status.
pub(crate) fn command(arguments: &[&str], stdin: &[u8]) -> Result<Ended> {
    ours::command(&[&["--pool", FILE], arguments].concat(), stdin)
}

/// The same, which has to succeed.
pub(crate) fn done(arguments: &[&str], stdin: &[u8]) -> Result<Vec<u8>> {
    let ended = command(arguments, stdin)?;
    ended.expect(0, &format!("userdata --pool {}", arguments.join(" ")))?;
    Ok(ended.stdout)
}

/// Makes this host a member.
pub(crate) fn join() -> Result<()> {
    done(&["pool", "join"], b"").map(drop)
}

/// Fails unless the pool has this value of the domain.
pub(crate) fn ensure_value(domain: &str, value: &[u8]) -> Result<()> {
    let found = done(&["retrieve", domain, ours::USERID], b"")?;
    ensure!(found == value, "the pool has another value: {found:?}");
    Ok(())
}

/// The domid of the home of the data with this uuid, which must be settled on this host; `None` if
/// the pool has none.
pub(crate) fn home(key: &DomainKey) -> Result<Option<u64>> {
    let text = done(&["--json", "pool", "status", &key.to_string()], b"")?;
    let status: serde_json::Value = serde_json::from_slice(&text).context("pool status")?;
    let Some(placed) = status.get("domains").and_then(|domains| domains.get(0)) else {
        return Ok(None);
    };
    let home = placed.get("home").context("no home")?;
    let field = |name: &str| home.get(name).and_then(|field| field.as_str());
    ensure!(
        field("host") == Some(HERE) && field("stage") == Some("settled"),
        "the home is {home}"
    );
    Ok(home.get("domid").and_then(serde_json::Value::as_u64))
}
