//! `Selection`: which values go along with a domain.

use std::collections::BTreeSet;

use userdata_core::{Userid, registry};

/// The values that go along with a domain. By default these are all values except those that their
/// owners write again for the new domain, according to the [`registry`]: `libxl-json`,
/// `libvirt-xml` and `xl`.
///
/// ```
/// use userdata::Userid;
/// use userdata::follow::Selection;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (xl, agent) = (Userid::new("xl")?, Userid::new("agent")?);
/// let which = Selection::new();
/// assert!(which.has(&agent) && !which.has(&xl));
/// let which = Selection::new().with(xl.clone()).without(agent.clone());
/// assert!(which.has(&xl) && !which.has(&agent));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    only: BTreeSet<Userid>,
    with: BTreeSet<Userid>,
    without: BTreeSet<Userid>,
}

impl Selection {
    /// The default: all values except those that the registry leaves behind.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every value of the domain.
    #[must_use]
    pub fn everything() -> Self {
        registry::REGISTERED
            .iter()
            .filter_map(|known| Userid::new(known.userid).ok())
            .fold(Self::new(), Self::with)
    }

    /// The value of this userid goes along. The others stay behind, except those that are also
    /// passed to this method or to [`with`](Self::with).
    #[must_use]
    pub fn only(mut self, userid: Userid) -> Self {
        self.only.insert(userid);
        self
    }

    /// The value of this userid goes along, too.
    #[must_use]
    pub fn with(mut self, userid: Userid) -> Self {
        self.with.insert(userid);
        self
    }

    /// The value of this userid stays behind, even if it is also passed to another method.
    #[must_use]
    pub fn without(mut self, userid: Userid) -> Self {
        self.without.insert(userid);
        self
    }

    /// Whether the value of a userid goes along.
    #[must_use]
    pub fn has(&self, userid: &Userid) -> bool {
        if self.without.contains(userid) {
            return false;
        }
        let asked_for = self.only.contains(userid) || self.with.contains(userid);
        asked_for || self.only.is_empty() && !registry::stays_behind(userid)
    }
}
