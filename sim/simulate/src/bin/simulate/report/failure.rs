//! A guarantee that was broken, with a picture.

use std::fmt;

use super::lanes::Lanes;
use super::text::Text;
use crate::findings::Failure;

/// A failure as it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a>(pub(crate) &'a Failure);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            replay,
            guarantee,
            after,
            why,
            tree,
            picture,
        } = self.0;
        writeln!(
            f,
            "<div class=failure><h3 class=bad>{}</h3>",
            Text(guarantee)
        )?;
        writeln!(f, "<p><b>{}</b></p>", Text(why))?;
        if !replay.is_empty() {
            writeln!(f, "<pre>simulate replay {}</pre>", Text(replay))?;
        }
        if let Some(picture) = picture {
            writeln!(f, "<div class=scroll>{}</div>", Lanes(picture))?;
        }
        for (title, text) in [("after what", after), ("what the directory held", tree)] {
            if !text.is_empty() {
                let (title, text) = (Text(title), Text(text));
                writeln!(
                    f,
                    "<details><summary>{title}</summary><pre>{text}</pre></details>"
                )?;
            }
        }
        writeln!(f, "</div>")
    }
}
