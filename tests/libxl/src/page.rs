//! The table of differences as a page of the docs.

use crate::differences;

/// The differences that show only while both work at the same time, and the check of each.
const AT_THE_SAME_TIME: &[[&str; 4]] = &[
    [
        "libxl waits for the lock for ever.",
        "Every wait has a deadline, ten seconds unless set otherwise.",
        "If a program hangs while it holds the lock, the others do not wait for ever (G9).",
        "libxls_lock_ends_our_changes_at_their_timeout_and_no_read",
    ],
    [
        "Every user can read the lock file, and so every user can lock it.",
        "The lock file is created with mode 0600.",
        "Only a user who may write userdata can lock other programs out.",
        "our_lock_makes_every_call_of_libxl_wait_until_it_is_released",
    ],
    [
        "An attempt to lock that fails, because no file can be opened, removes the lock file of \
         the lock holder.",
        "The lock holder notices this before it replaces a value. The store fails, and the old \
         value stays.",
        "No value is stored under a lock that excludes no other process (G2).",
        "a_lock_that_real_libxl_breaks_is_reported_as_lost",
    ],
    [
        "libxl stores for a domain that this library is destroying.",
        "While a process holds the closing mark, every store of this library is refused. libxl's \
         clean-up passes over the mark, and the values that libxl stored meanwhile are removed \
         with the domain.",
        "Values that are stored while the domain is being destroyed are removed, too (G4).",
        "libxls_destroy_within_ours_leaves_nothing",
    ],
];

/// docs/differences.md.
pub(crate) fn page() -> String {
    let mut page = BEGINNING.to_owned();
    for difference in differences::ALL {
        let [name, libxl, here, because] = [
            difference.name,
            difference.libxl,
            difference.here,
            difference.because,
        ];
        page.push_str(&format!("| {name} | {libxl} | {here} | {because} |\n"));
    }
    page.push_str(MIDDLE);
    for [libxl, here, because, check] in AT_THE_SAME_TIME {
        page.push_str(&format!("| {libxl} | {here} | {because} | `{check}` |\n"));
    }
    page
}

const BEGINNING: &str = "\
# What real libxl does differently

This page lists every deliberate difference between a call of libxl and a call of this library. G1
to G12 are the guarantees in [README.md](../README.md). `libxl-diff --page` prints the page from the
table that the comparison itself uses (`tests/libxl/`), and a test keeps the two equal.

`cargo xtask xen libxl-diff` runs the libxl of Xen 4.17, from Debian's package, with no hypervisor.
It takes the same steps with libxl and with this library, in two directories and in a shared one,
and compares results, file names, modes and bytes after every step. The check fails if a difference
is not in the table. Each entry of the table has an example, and the check fails if the example does
not show the difference.

## In results and files

| difference | libxl | here | because |
|---|---|---|---|
";

const MIDDLE: &str = "
## While both work at the same time

| libxl | here | because | shown by |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::checks;

    #[test]
    fn the_page_in_the_docs_is_the_checked_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/differences.md");
        let written = std::fs::read_to_string(path).unwrap();
        assert_eq!(
            written,
            page(),
            "print it anew: cargo run -p userdata-libxl-diff -- --page > docs/differences.md"
        );
    }

    #[test]
    fn names_of_differences_are_unique_and_every_text_fits_a_table() {
        let names: BTreeSet<&str> = differences::ALL.iter().map(|one| one.name).collect();
        assert_eq!(names.len(), differences::ALL.len());
        for line in page().lines().filter(|line| line.starts_with('|')) {
            let columns = line.matches('|').count();
            assert_eq!(columns, 5, "{line}");
        }
    }

    #[test]
    fn every_concurrent_difference_names_an_existing_check() {
        for [.., check] in AT_THE_SAME_TIME {
            assert!(
                checks::ALL.iter().any(|there| there.name == *check),
                "{check}"
            );
        }
    }
}
