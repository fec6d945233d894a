//! `userdata remove`.

use userdata::Outcome;

use super::store::{durability, expect, word};
use crate::arguments::Remove;
use crate::document;
use crate::failure::Failure;
use crate::options::Options;
use crate::status::Status;
use crate::userid::{UseridRefused, existing};

impl Remove {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let userid = existing(&self.userid, self.escaped.escaped)?;
        if userid.is_libxl_json() && !self.libxl_json {
            return Err(UseridRefused::LibxlJson.into());
        }
        options.check_userid(&userid)?;
        let host = options.host()?;
        let domain = options.key(&self.domain, &host)?;
        let userdata = options.userdata(&host)?;
        let expect = expect(self.if_version, false);
        let outcome = if userid.is_libxl_json() {
            userdata.remove_libxl_json(domain, expect)?
        } else {
            userdata.remove_if(domain, &userid, expect)?
        };
        if outcome == Outcome::NothingToRemove {
            output.note("nothing to remove");
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
