//! `Breaks`: while what the lock of a domain excluded nobody, through no fault of this library.

use userdata_core::Domid;
use userdata_core::file_name::{FileName, Kind, NameFormat};

use super::deed::Deed;
use crate::history::{Event, History, LibxlBug};

/// When locks did not exclude.
#[derive(Debug, Default)]
pub(crate) struct Breaks(Vec<Break>);

#[derive(Clone, Copy, Debug)]
struct Break {
    /// Whose lock; everybody's where a name does not tell.
    domid: Option<Domid>,
    from: usize,
    to: usize,
    /// Whether somebody worked on the data without its lock at all.
    unlocked: bool,
}

impl Breaks {
    /// A lock that was broken stays so until whoever held it is done. What libxl does meanwhile may
    /// break the next one, since it unlinks the lock file by its name, whoever's it is.
    pub(crate) fn of(history: &History, deeds: &[Deed<'_>], format: NameFormat) -> Self {
        let broken = history.events.iter().enumerate().filter_map(|(at, event)| {
            let (domid, unlocked) = match event {
                Event::Libxl { bug, domain, .. } => {
                    (Some(domain.domid), *bug != LibxlBug::UnlinksWithoutHolding)
                }
                Event::Planted { file, .. } => {
                    let name = FileName::parse(format, file).filter(|n| n.kind() != Kind::Data)?;
                    (name.owner().domid, true)
                }
                _ => return None,
            };
            let mut this = Break {
                domid,
                from: at,
                to: at,
                unlocked,
            };
            this.extend(deeds);
            Some(this)
        });
        Self(broken.collect())
    }

    fn of_deed<'s>(&'s self, deed: &'s Deed<'_>) -> impl Iterator<Item = &'s Break> {
        self.0
            .iter()
            .filter(|this| this.concerns(deed) && deed.overlaps((this.from, this.to)))
    }

    /// Whether somebody may have done something although this operation had the lock.
    pub(crate) fn touch(&self, deed: &Deed<'_>) -> bool {
        self.of_deed(deed).next().is_some()
    }

    /// Whether somebody may have worked without the lock at all meanwhile.
    pub(crate) fn leave_unlocked(&self, deed: &Deed<'_>) -> bool {
        self.of_deed(deed).any(|this| this.unlocked)
    }

    /// Whether the lock of a domid was ever broken.
    pub(crate) fn any(&self, domid: Option<Domid>) -> bool {
        self.0
            .iter()
            .any(|this| domid.is_none() || this.domid.is_none() || this.domid == domid)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Break {
    fn extend(&mut self, deeds: &[Deed<'_>]) {
        let at = self.from;
        let concerned = || deeds.iter().filter(|deed| self.concerns(deed));
        let holders = concerned().filter(|deed| deed.overlaps((at, at)));
        let mut to = holders.map(|deed| deed.ended).fold(at, usize::max);
        loop {
            let spread = concerned()
                .filter(|deed| deed.libxl().is_some() && deed.overlaps((at, to)))
                .map(|deed| deed.ended)
                .max();
            match spread {
                Some(later) if later > to => to = later,
                _ => break,
            }
        }
        self.to = to;
    }

    fn concerns(&self, deed: &Deed<'_>) -> bool {
        self.domid.is_none_or(|domid| domid == deed.domid())
    }
}
