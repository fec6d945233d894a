//! `userdata remove`.

use userdata::Outcome;
use userdata::store::Expect;

use super::store::{durability, word};
use crate::arguments::Remove;
use crate::document;
use crate::failure::Failure;
use crate::options::Options;
use crate::status::Status;
use crate::userid::existing;

impl Remove {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let userid = existing(&self.userid, self.escaped.escaped)?;
        if userid.is_libxl_json() && !self.libxl_json {
            return Err(Failure::LibxlJson);
        }
        let host = options.host()?;
        let userdata = options.userdata(&host)?;
        let domain = self.domain.key(&host)?;
        let outcome = if userid.is_libxl_json() {
            userdata.remove_libxl_json(domain, Expect::Any)?
        } else {
            userdata.remove(domain, &userid)?
        };
        if outcome == Outcome::NothingToRemove {
            output.note("there was no value to remove");
        }
        let document = document::Outcome {
            domain: domain.into(),
            userid: (&userid).into(),
            outcome: word(outcome),
            durability: durability(outcome),
            displaced: None,
            version: None,
        };
        output.show(&document, String::new)?;
        Ok(Status::Done)
    }
}
