//! `Home`, `HostName` and `Attempt`: what a store that several hosts share tells about a domain.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::Domid;

/// The name of a host in a pool: 1 to 63 of the characters `a`-`z`, `0`-`9`, `-` and `.`, the first
/// of which is a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Box<str>);

impl HostName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        let begins = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins && text.len() <= 63 && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(HostNameError)
        }
    }
}

/// The text is not the name of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a host name has 1 to 63 of the characters a-z, 0-9, '-' and '.', no '-' or '.' first")]
pub struct HostNameError;

/// The one host of a pool that may store data for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Home {
    /// The host.
    pub host: HostName,
    /// The domid that the domain has, or had, on that host.
    pub domid: Domid,
    /// Whether the data stays there.
    pub stage: Stage,
}

/// Whether the data of a domain stays on its home.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// It does.
    Settled,
    /// A move to this host has begun. The home alone stores until that host claims the data.
    Moving(HostName),
    /// The domain is gone from its home, and this host may claim the data.
    Released(HostName),
    /// The pool has forgotten this host, the [keeper](Home::keeper), so the data is free: any host
    /// may adopt it, and the destination of a move that was begun may claim it.
    Freed(HostName),
}

impl Home {
    /// A domain with this domid on this host.
    #[must_use]
    pub const fn new(host: HostName, domid: Domid, stage: Stage) -> Self {
        Self { host, domid, stage }
    }

    /// The same home, whose keeper the pool has forgotten.
    #[must_use]
    pub fn freed(mut self) -> Self {
        self.stage = Stage::Freed(self.keeper().clone());
        self
    }

    /// The host whose data it is: the home, or, once it is released, the host that may claim it.
    #[must_use]
    pub const fn keeper(&self) -> &HostName {
        match &self.stage {
            Stage::Released(keeper) | Stage::Freed(keeper) => keeper,
            _ => &self.host,
        }
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, domid, .. } = self;
        match &self.stage {
            Stage::Settled => write!(f, "domain {domid} of host {host}"),
            Stage::Moving(to) => {
                write!(
                    f,
                    "domain {domid} of host {host}, which moves to host {to}: \
                     claim it there when it runs"
                )
            }
            Stage::Released(to) => write!(
                f,
                "domain {domid} of host {host}, which left it for host {to}: claim it there"
            ),
            Stage::Freed(_) => write!(
                f,
                "domain {domid} of host {host}, and is free now: adopt or discard it"
            ),
        }
    }
}

/// Names one attempt to change data, so that its outcome can be asked for later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Attempt {
    /// The random number of the change.
    pub number: u64,
    /// The number of the change that it directly follows if it is made; 0 if there was none.
    pub after: u64,
}

impl Attempt {
    /// The attempt with this number, behind the change with the number `after`.
    #[must_use]
    pub const fn new(number: u64, after: u64) -> Self {
        Self { number, after }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:016x}", self.number, self.after)
    }
}

impl FromStr for Attempt {
    type Err = AttemptError;

    fn from_str(text: &str) -> Result<Self, AttemptError> {
        let number = |digits: &str| {
            let digits = digits
                .bytes()
                .all(|b| b.is_ascii_hexdigit())
                .then_some(digits);
            let digits = digits
                .filter(|digits| digits.len() == 16)
                .ok_or(AttemptError)?;
            u64::from_str_radix(digits, 16).map_err(|_| AttemptError)
        };
        let (first, second) = text.split_once('-').ok_or(AttemptError)?;
        Ok(Self::new(number(first)?, number(second)?))
    }
}

/// The text does not name an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an attempt is written as two groups of 16 hexadecimal digits with '-' between them")]
pub struct AttemptError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_reads_back_from_its_own_text() {
        let attempt = Attempt::new(0xfeed, 1);
        assert_eq!(attempt.to_string(), "000000000000feed-0000000000000001");
        assert_eq!(attempt.to_string().parse(), Ok(attempt));
        for text in [
            "",
            "1-2",
            "000000000000feed",
            "+00000000000feed-0000000000000001",
        ] {
            assert_eq!(text.parse::<Attempt>(), Err(AttemptError), "{text}");
        }
    }

    #[test]
    fn a_host_name_is_what_a_key_and_a_file_can_hold() {
        for text in ["a", "rack-1.example", "7"] {
            assert_eq!(text.parse::<HostName>().unwrap().as_str(), text);
        }
        for text in ["", "-a", ".a", "A", "a/b", "a b", &"a".repeat(64)] {
            assert_eq!(text.parse::<HostName>(), Err(HostNameError), "{text}");
        }
    }
}
