//! What no longer matters in a world. Worlds that differ in nothing else are one, so that each is
//! walked once. All of it is what the walk itself knows; what the pool knows stays as it is.

use super::*;

impl World {
    /// Forgets what can have no effect any more.
    pub(super) fn forget_what_is_past(&mut self) {
        let lives = |guest: u8| self.domains.iter().any(|domain| domain.guest == guest);
        for (guest, acknowledged) in (0..).zip(&mut self.acknowledged) {
            // A guest never comes back.
            if !lives(guest) {
                *acknowledged = [0; 2];
            }
        }
        self.declared_dead.retain(|guest| lives(*guest));
        self.adopted.take_if(|(_, adopter)| !lives(*adopter));
        self.home.take_if(|home| !self.domains.contains(home));
        if self.sent.is_empty() {
            let found = self.values().into_iter().flatten();
            let found = found.map(|(_, number)| number);
            let told = self.acknowledged.iter().flatten().copied();
            self.stored = told.chain(found).max().unwrap_or(0);
        }
        let left = &mut self.left;
        left.second = left.second.min(left.stores);
        if left.destroys == 0 {
            left.lost_marks = 0;
        }
        if self.domains.is_empty() && left.guests == 0 {
            let Left {
                crashes,
                late_others,
                forgets,
                ..
            } = *left;
            *left = Left {
                crashes,
                late_others,
                forgets,
                ..Left::default()
            };
        }
    }

    /// Whether no guest comes any more and nothing is on its way. Sweeps leave nothing then, which
    /// is checked, and what else may happen no guest can see.
    pub(super) fn is_over(&self) -> bool {
        self.left.guests == 0 && self.domains.is_empty() && self.sent.is_empty()
    }
}
