//! `Text`: a text that is shown as it is, with every character escaped that needs it.

use std::fmt::{self, Write as _};

/// Escaped for HTML and SVG, in text and in attributes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            // Neither HTML nor XML has them.
            c if c.is_control() && c != '\n' && c != '\t' => write!(f, "{}", c.escape_unicode()),
            c => f.write_char(c),
        })
    }
}

/// A number with its thousands apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grouped(pub(crate) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str("&#8239;")?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_text_is_shown_and_not_obeyed() {
        let text = Text("<a href=\"x\">&\u{7}</a>").to_string();
        assert_eq!(text, "&lt;a href=&quot;x&quot;&gt;&amp;\\u{7}&lt;/a&gt;");
    }

    #[test]
    fn thousands_are_apart() {
        let grouped = |number| Grouped(number).to_string().replace("&#8239;", " ");
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1 234 567");
    }
}
