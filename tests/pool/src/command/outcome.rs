//! A store whose answer or whose request is lost, and `pool settle`.

use anyhow::{Context, Result, ensure};

use super::{Site, WEB};
use crate::lossy::{Change, Loses, Lossy};
use crate::rig::Rig;

/// Fits into the window of a new connection, so that the client sends it without a reply.
const BYTES: usize = 20_000;

/// What `pool settle` tells. Neither text has the other in it.
const MADE: &str = ": made\n";
const NOT_MADE: &str = ": not made\n";

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let endpoints = cluster.endpoints();
    let member = endpoints.first().context("no member")?;
    let mut site = Site::new(rig, &endpoints)?;
    site.tell("a", "pool join", 0, "joined")?;
    site.tell("a", &format!("sim create --name web --uuid {WEB}"), 0, "")?;
    let mut stands = b"before".to_vec();
    site.feed("a", "store web agent", &stands, 0, "")?;
    let mut attempts = Vec::new();
    for (loses, told) in [
        (Loses::Requests, NOT_MADE),
        (Loses::Answers, MADE),
        (Loses::Requests, NOT_MADE),
    ] {
        let lossy = Lossy::start(member, Change::Bytes(BYTES), loses)?;
        let text = format!("endpoints = [\"{}\"]\nhost = \"a\"\n", lossy.url());
        site.file("lossy.toml", &text)?;
        let value = vec![b'0' + u8::try_from(attempts.len())?; BYTES];
        let store = "--pool lossy.toml store web agent --timeout 3";
        let attempt = site.unknown("a", store, &value)?;
        let settled = site.tell("a", &format!("pool settle web {attempt}"), 0, told)?;
        if settled.ends_with(MADE) {
            stands = value;
        }
        let found = site.tell("a", "retrieve web agent", 0, "")?;
        ensure!(found.as_bytes() == stands, "{settled}, and another value");
        attempts.push((attempt, told));
    }
    // What is settled stays so, whatever is stored after it.
    site.feed("a", "store web agent", b"after", 0, "")?;
    for (attempt, told) in &attempts {
        site.tell("a", &format!("pool settle web {attempt}"), 0, told)?;
    }
    site.forgets(member)?;
    Ok(format!("{} attempts settled", attempts.len()))
}

impl Site {
    /// Forgets `b` where the request is lost, and again where the answer is. It is not known then
    /// whether `b` is a member, and the same command tells it.
    fn forgets(&mut self, member: &str) -> Result<()> {
        self.tell("b", "pool join", 0, "joined")?;
        let forget = "pool forget b --it-is-dead";
        for (loses, is_member) in [(Loses::Requests, true), (Loses::Answers, false)] {
            let change = Change::Of("/userdata/1/host/b".to_owned());
            let lossy = Lossy::start(member, change, loses)?;
            let text = format!("endpoints = [\"{}\"]\nhost = \"a\"\n", lossy.url());
            self.file("lossy.toml", &text)?;
            let lost = format!("--pool lossy.toml {forget} --timeout 3");
            self.tell("a", &lost, 11, "run the same command again")?;
            let status = self.tell("a", "pool status", 0, "member\ta\t")?;
            ensure!(status.contains("member\tb\t") == is_member, "{status}");
        }
        self.tell("a", forget, 2, "b is not a member")?;
        Ok(())
    }

    /// Runs the command, whose outcome must be unknown, and returns the attempt that it names.
    fn unknown(&mut self, host: &str, words: &str, input: &[u8]) -> Result<String> {
        let done = self.output(host, words, input)?;
        let message = String::from_utf8_lossy(&done.stderr);
        let code = done.status.code();
        ensure!(code == Some(11), "'{words}' ended with {code:?}: {message}");
        let (_, rest) = message
            .split_once("pool settle DOMAIN ")
            .context("the message does not name the attempt")?;
        let attempt = rest.split('\'').next().unwrap_or_default();
        Ok(attempt.to_owned())
    }
}
