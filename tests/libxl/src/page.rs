//! docs/differences.md, from the table of differences.

use crate::differences;

/// Differences that are visible only while both work at the same time, with the checks that show them.
const AT_THE_SAME_TIME: &[[&str; 4]] = &[
    [
        "libxl waits for the lock for ever.",
        "Every wait has a deadline, ten seconds unless set otherwise.",
        "A program that hangs with the lock held does not block another one for ever (G9).",
        "libxls_lock_ends_our_changes_at_their_timeout_and_no_read",
    ],
    [
        "Every user may read the lock file, and can therefore lock it.",
        "The lock file has mode 0600.",
        "Only users who may write userdata can lock it.",
        "our_lock_makes_every_call_of_libxl_wait_until_it_is_released",
    ],
    [
        "If libxl cannot lock, because it can open no more files, it removes the lock file, even \
         if another process holds the lock.",
        "The lock holder notices the loss before it replaces a value, and fails. The value stays.",
        "Nothing is stored under a lock that excludes no other process (G2).",
        "a_lock_that_real_libxl_breaks_is_reported_as_lost",
    ],
    [
        "libxl stores for a domain that this library is destroying.",
        "A store of this library is refused while the domain has a closing mark. libxl's clean-up \
         skips the mark, and values that libxl stored meanwhile are removed with the domain's.",
        "Nothing is left of a domain that this library has destroyed (G4).",
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

This page lists every deliberate difference between a call of libxl and the same call of this
library. `libxl-diff --page` prints it from the table that the comparison itself uses
(`tests/libxl/`), and a test keeps the two equal.

`cargo xtask xen libxl-diff` runs the libxl of Xen 4.17, from Debian's package, without a hypervisor.
It takes the same steps with libxl and with this library, in two directories and in a shared one, and
compares results, file names, modes and bytes after every step. The result of this library has to be
that of libxl, changed as this table says. A difference that is not in the table fails the check, and
so does a difference that is in the table but not visible. Each difference has an example that shows
it.

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
            "print the page again: cargo run -p userdata-libxl-diff -- --page > docs/differences.md"
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
