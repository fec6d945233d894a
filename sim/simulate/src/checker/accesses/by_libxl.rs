//! The accesses of a call of real libxl.

use super::super::content::{Content, Need};
use super::super::linearise::Access;
use super::Made;
use crate::history::LibxlCall;

impl Made<'_> {
    pub(super) fn by_libxl(&self, call: &LibxlCall) -> Vec<Access> {
        let (LibxlCall::Store { userid, .. }
        | LibxlCall::Retrieve { userid, .. }
        | LibxlCall::Unlink { userid, .. }) = call
        else {
            return self.destroyed_by_libxl();
        };
        if *userid != self.register.userid {
            return Vec::new();
        }
        let nothing = || Need::Is(Content::Nothing);
        let done = match (call, self.operation.libxl_response()) {
            (LibxlCall::Store { data, .. }, Some((0, _))) => {
                let need = if data.is_empty() {
                    Need::Something
                } else {
                    Need::Any
                };
                vec![self.access(need, Some(Content::stored(data)))]
            }
            // A positive errno of a removal: ENOENT.
            (LibxlCall::Store { data, .. }, Some((2, _))) if data.is_empty() => {
                self.read(nothing())
            }
            (LibxlCall::Store { data, .. }, None) => {
                vec![self.access(Need::Any, Some(Content::stored(data))).maybe()]
            }
            (LibxlCall::Retrieve { .. }, Some((0, None))) => self.read(nothing()),
            (LibxlCall::Retrieve { .. }, Some((0, Some(data)))) => {
                self.read(Need::Is(Content::of(data)))
            }
            (LibxlCall::Unlink { .. }, Some((0, _))) => {
                vec![self.access(Need::Something, Some(Content::Nothing))]
            }
            (LibxlCall::Unlink { .. }, None) => {
                vec![self.access(Need::Any, Some(Content::Nothing)).maybe()]
            }
            _ => Vec::new(),
        };
        self.on_one_of_several(done)
    }

    /// libxl only logs if it can't unlink a file, or finds a directory, or if the domain was gone
    /// when it computed the path.
    fn destroyed_by_libxl(&self) -> Vec<Access> {
        let clears = self.access(Need::Any, Some(Content::Nothing));
        let certain = !self.operation.directory_failed
            && self.knows_the_key()
            && !self.register.may_be_strange()
            && !self
                .facts
                .is_ended_by_others(self.place, self.operation.domid());
        match self.operation.libxl_response() {
            Some((0, _)) if certain => vec![clears],
            Some((-15, _)) => Vec::new(),
            _ => vec![clears.maybe()],
        }
    }

    fn knows_the_key(&self) -> bool {
        !self.operation.hypervisor_failed && self.facts.keys_of(self.place).len() == 1
    }

    /// A call by domid that may have met another incarnation proves nothing about this one.
    fn on_one_of_several(&self, done: Vec<Access>) -> Vec<Access> {
        if self.knows_the_key() {
            return done;
        }
        let changes = done.into_iter().filter(|access| access.to.is_some());
        changes
            .map(|access| Access {
                need: Need::Any,
                ..access.maybe()
            })
            .collect()
    }
}
