//! The declarations of a C header with their comments, as the header of the library is written.
//!
//! A blank line ends a group. A comment at the beginning of a line is about the next function of
//! its group; a function without one belongs to the first function of the group that has one.

/// What is said at the top of the header, and the groups below.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The first comment, without its frame.
    pub(super) about: String,
    /// Groups of types and constants alone, as they are written.
    pub(super) types: Vec<String>,
    pub(super) functions: Vec<Documented>,
}

/// A function with its comment, and the functions that belong to it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Documented {
    /// Its own name first.
    pub(super) names: Vec<String>,
    pub(super) text: String,
    /// The declarations, types and constants of the group among them.
    pub(super) synopsis: Vec<String>,
    /// What is said behind a declaration: the function and the remark.
    pub(super) remarks: Vec<(String, String)>,
}

/// One thing in a group.
#[derive(Debug)]
enum Item {
    Comment(String),
    /// A type or a constant.
    Other(String),
    Function {
        name: String,
        declaration: String,
        remark: Option<String>,
    },
}

impl Header {
    pub(super) fn parse(header: &str) -> Self {
        let about = header.split_once("*/").map_or("", |(comment, _)| comment);
        let body = header.split_once("extern \"C\" {").map_or("", |(_, b)| b);
        let body = body.rsplit_once("extern").map_or(body, |(body, _)| body);
        let body = body
            .rsplit_once("#ifdef __cplusplus")
            .map_or(body, |(b, _)| b);
        let mut parsed = Self {
            about: plain(about),
            types: Vec::new(),
            functions: Vec::new(),
        };
        for group in body.split("\n\n") {
            let group = group.trim_start_matches("\n#endif").trim();
            let items = items(group);
            if items
                .iter()
                .any(|item| matches!(item, Item::Function { .. }))
            {
                parsed.functions.extend(documented(items));
            } else if !group.is_empty() && !group.starts_with("#if") {
                parsed.types.push(group.to_owned());
            }
        }
        parsed
    }
}

/// The functions of a group, each with what belongs to it.
fn documented(items: Vec<Item>) -> Vec<Documented> {
    let mut all: Vec<Documented> = Vec::new();
    let (mut text, mut others) = (String::new(), Vec::new());
    for item in items {
        match item {
            Item::Comment(comment) => text = comment,
            Item::Other(other) => others.push(other),
            Item::Function {
                name,
                declaration,
                remark,
            } => {
                let is_first = all.is_empty();
                if !text.is_empty() || is_first || all.iter().all(|one| one.text.is_empty()) {
                    all.push(Documented {
                        text: std::mem::take(&mut text),
                        synopsis: std::mem::take(&mut others),
                        ..Documented::default()
                    });
                    if let Some(one) = all.last_mut() {
                        one.add(name, declaration, remark);
                    }
                } else if let Some(one) = all.first_mut() {
                    one.synopsis.append(&mut others);
                    one.add(name, declaration, remark);
                }
            }
        }
    }
    all
}

impl Documented {
    fn add(&mut self, name: String, declaration: String, remark: Option<String>) {
        self.remarks
            .extend(remark.map(|remark| (name.clone(), remark)));
        self.synopsis.push(declaration);
        self.names.push(name);
    }
}

fn items(group: &str) -> Vec<Item> {
    let mut found = Vec::new();
    let mut rest = group.trim_start();
    while !rest.is_empty() {
        let (item, after) = if rest.starts_with("/*") {
            let (comment, after) = cut(rest, "*/");
            (Item::Comment(plain(comment)), after)
        } else if rest.starts_with('#') {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            (Item::Other(line.to_owned()), after)
        } else {
            declaration(rest)
        };
        found.push(item);
        rest = after.trim_start();
    }
    found
}

/// The declaration at the beginning of a text, and the rest.
fn declaration(text: &str) -> (Item, &str) {
    let (head, _) = text.split_once([';', '{']).unwrap_or((text, ""));
    let braces = text.starts_with("typedef struct") || text.starts_with("enum");
    let end = if braces && head.len() < text.len() && text[head.len()..].starts_with('{') {
        "}"
    } else {
        ""
    };
    let (body, rest) = if end.is_empty() {
        ("", text)
    } else {
        cut(text, end)
    };
    let (tail, after) = cut(rest, ";");
    let whole = format!("{body}{tail}");
    let Some(name) = function_name(&whole) else {
        return (Item::Other(whole), after);
    };
    let line = after.split('\n').next().unwrap_or_default().trim();
    let remark = line.starts_with("/*").then(|| plain(line));
    let after = match remark {
        Some(_) => cut(after, "*/").1,
        None => after,
    };
    let declaration = whole
        .replace("\n    USERDATA_MUST_CHECK", "")
        .replace(" USERDATA_MUST_CHECK", "");
    (
        Item::Function {
            name,
            declaration,
            remark,
        },
        after,
    )
}

/// The name of the function that is declared, if one is.
fn function_name(declaration: &str) -> Option<String> {
    if ["typedef", "enum", "struct"]
        .iter()
        .any(|word| declaration.starts_with(word))
    {
        return None;
    }
    let (before, _) = declaration.split_once('(')?;
    let name = before.rsplit([' ', '*', '\n']).next()?;
    Some(name.to_owned())
}

/// Cuts a text behind `end`, or at its own end.
fn cut<'t>(text: &'t str, end: &str) -> (&'t str, &'t str) {
    let at = text.find(end).map_or(text.len(), |at| at + end.len());
    text.split_at(at)
}

/// A comment without its frame.
fn plain(comment: &str) -> String {
    let lines = comment.trim().lines().map(|line| {
        let line = line.trim_start().trim_start_matches("/*");
        let line = line.strip_prefix('*').unwrap_or(line);
        line.strip_suffix("*/").unwrap_or(line).trim_end()
    });
    let lines: Vec<&str> = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "\
/*
 * a.h - an example.
 *
 * Conventions
 */
#ifdef __cplusplus
extern \"C\" {
#endif

#if defined(X)
#define Y
#endif

/* Codes. */
enum code { OK = 0, BAD = -1 }; /* a remark */

typedef struct list list;

/* Opens it,
 * and waits. */
#define FAST 1u
int open(list **list_r,
         int flags)
    USERDATA_MUST_CHECK;
void close(list *list); /* NULL is allowed */
/* How many. */
size_t count(const list *list);

const char *version(void); /* of the library */
const char *text(int code);

#ifdef __cplusplus
}
#endif
#endif
";

    #[test]
    fn functions_have_their_comments() {
        let parsed = Header::parse(HEADER);
        assert_eq!(parsed.about, "a.h - an example.\n\nConventions");
        assert_eq!(parsed.types.len(), 2, "{:?}", parsed.types);
        let open = &parsed.functions[0];
        assert_eq!(open.names, ["open", "close"]);
        assert_eq!(open.text, "Opens it,\nand waits.");
        assert_eq!(
            open.synopsis,
            [
                "#define FAST 1u",
                "int open(list **list_r,\n         int flags);",
                "void close(list *list);"
            ]
        );
        assert_eq!(
            open.remarks,
            [("close".to_owned(), "NULL is allowed".to_owned())]
        );
        let names = parsed.functions.iter().map(|one| one.names.join(" "));
        let names: Vec<_> = names.collect();
        assert_eq!(names, ["open close", "count", "version", "text"]);
    }
}
