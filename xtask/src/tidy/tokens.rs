//! Rust source as the compiler sees it: no comments, and strings that hold no code.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A token and the line it stands in.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// The tokens of a file. Brackets are tokens like all others; `::` is two. None where the file is
/// no Rust, which the compiler says better.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut all = Vec::new();
    if let Ok(stream) = source.parse() {
        flatten(stream, &mut all);
    }
    all
}

fn flatten(stream: TokenStream, all: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let TokenTree::Group(group) = tree else {
            all.push(Token {
                text: tree.to_string(),
                line,
            });
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        all.push(Token {
            text: open.to_owned(),
            line,
        });
        flatten(group.stream(), all);
        all.push(Token {
            text: close.to_owned(),
            line: group.span_close().start().line,
        });
    }
}

/// Each place where these tokens follow each other, with everything from there on.
pub(crate) fn places<'t>(
    tokens: &'t [Token],
    pattern: &'t [&str],
) -> impl Iterator<Item = &'t [Token]> {
    (0..tokens.len())
        .filter_map(|at| tokens.get(at..))
        .filter(|rest| begins(rest, pattern))
}

fn begins(tokens: &[Token], pattern: &[&str]) -> bool {
    tokens.len() >= pattern.len()
        && tokens
            .iter()
            .zip(pattern)
            .all(|(token, &p)| token.text == p)
}

/// Without the items that only exist under `#[cfg(test)]`.
pub(crate) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut rest = tokens;
    while let [token, after @ ..] = rest {
        if begins(rest, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            rest = after_item(after);
        } else {
            kept.push(token.clone());
            rest = after;
        }
    }
    kept
}

/// What follows an item: it ends with its first block or semicolon outside brackets.
fn after_item(mut rest: &[Token]) -> &[Token] {
    let mut depth = 0_usize;
    while let [token, after @ ..] = rest {
        rest = after;
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" if depth == 1 => break,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            ";" if depth == 0 => break,
            _ => {}
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(tokens: &[Token]) -> Vec<&str> {
        tokens.iter().map(|token| token.text.as_str()).collect()
    }

    #[test]
    fn comments_hold_no_tokens_and_strings_are_one() {
        let all = tokens("// fn one() {}\nconst S: &str = \"fn two() {}\";\nfn three() {}\n");
        let found: Vec<usize> = places(&all, &["fn"])
            .filter_map(|rest| Some(rest.first()?.line))
            .collect();
        assert_eq!(found, [3]);
    }

    #[test]
    fn items_for_tests_are_left_out_to_their_end() {
        let source = "a; #[cfg(test)] mod tests { fn f() { x } } b; #[cfg(test)] use c::d; e";
        assert_eq!(
            texts(&without_tests(&tokens(source))),
            ["a", ";", "b", ";", "e"]
        );
        let method = "#[cfg(test)] #[must_use] pub fn f(x: [u8; 2]) -> u8 { 0 } fn g() {}";
        assert_eq!(
            texts(&without_tests(&tokens(method))),
            ["fn", "g", "(", ")", "{", "}"]
        );
    }
}
