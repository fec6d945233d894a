//! `userdata carry`.

use crate::arguments::Carry;
use crate::document::{self, Name};
use crate::failure::Failure;
use crate::options::Options;
use crate::status::Status;
use crate::userid::shown;

impl Carry {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let which = self.which.selection(options)?;
        let host = options.host()?;
        let from = options.key(&self.old, &host)?;
        let to = options.key(&self.new, &host)?;
        let carried = options.userdata(&host)?.carry(from, to, &which)?;
        if carried.moved.is_empty() {
            output.note("nothing to carry");
        }
        let document = || document::Carried {
            domain: to.into(),
            from: from.into(),
            moved: carried.moved.iter().map(Name::from).collect(),
            durability: (!carried.moved.is_empty()).then(|| carried.durability.to_string()),
        };
        output.show_either(document, || {
            let userids = carried.moved.iter().map(shown);
            userids
                .map(|userid| format!("carried {userid}\n"))
                .collect()
        })?;
        Ok(Status::Done)
    }
}
