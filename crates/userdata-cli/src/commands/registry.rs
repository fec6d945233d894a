//! `userdata registry`.

use userdata::registry::REGISTERED;

use crate::document;
use crate::failure::Failure;
use crate::output::{Output, table};
use crate::status::Status;

pub(crate) fn run(output: Output) -> Result<Status, Failure> {
    let userids = REGISTERED.iter().map(|known| document::Registered {
        userid: known.userid,
        kind: known.kind.to_string(),
        owner: known.owner,
        format: known.format,
        since: known.since,
    });
    let document = document::Registry {
        userids: userids.collect(),
    };
    output.show(&document, || {
        let rows = document.userids.iter().map(|known| {
            let words = [
                known.userid,
                &known.kind,
                known.owner,
                known.since,
                known.format,
            ];
            words.map(str::to_owned)
        });
        table(
            ["USERID", "KIND", "OWNER", "SINCE XEN", "FORMAT"],
            rows.collect(),
        )
    })?;
    Ok(Status::Done)
}
