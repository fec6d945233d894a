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
        stays_behind: known.stays_behind,
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
                if known.stays_behind { "yes" } else { "no" },
                known.format,
            ];
            words.map(str::to_owned)
        });
        let head = [
            "USERID",
            "KIND",
            "OWNER",
            "SINCE XEN",
            "STAYS BEHIND",
            "FORMAT",
        ];
        table(head, rows.collect())
    })?;
    Ok(Status::Done)
}
