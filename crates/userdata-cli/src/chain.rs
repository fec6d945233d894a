//! An error with its sources, as one line.

use std::error::Error;

/// An error and its sources on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use thiserror::Error;

    use super::*;

    #[test]
    fn a_chain_has_each_fact_once() {
        #[derive(Debug, Error)]
        #[error("cannot write out.cfg")]
        struct NotWritten(#[source] io::Error);

        let error = NotWritten(io::Error::other("the disk is on fire"));
        assert_eq!(chain(&error), "cannot write out.cfg: the disk is on fire");
    }
}
