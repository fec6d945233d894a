//! What is in a shared library, as readelf shows it: its functions, their versions, and what it
//! needs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Library;
use crate::child;

const LIMIT: Duration = Duration::from_secs(60);

/// What a library may need: the C library with its dynamic linker, and the compiler's own library.
const PERMITTED: [&str; 3] = ["ld-linux-x86-64.so.2", "libc.so.6", "libgcc_s.so.1"];

/// The oldest C library on which our libraries work.
const GLIBC: (u32, u32) = (2, 34);

/// Fails unless the file exports exactly the library's functions, needs no library but those of C,
/// and has its addresses protected when it runs. Returns a line about what was seen.
pub(crate) fn check(library: &Library, path: &Path) -> Result<String> {
    let readelf = |option: &str| {
        let mut readelf = child::command("readelf");
        child::output(readelf.args(["--wide", option]).arg(path), LIMIT)
            .with_context(|| format!("reading {}", path.display()))
    };
    let mut exports = defined(&readelf("--dyn-syms")?);
    exports.sort_unstable();
    ensure!(
        exports == library.exports,
        "{} exports {}, and not {}",
        library.file,
        exports.join(", "),
        library.exports.join(", ")
    );
    let dynamic = readelf("--dynamic")?;
    let needed = bracketed(&dynamic, "(NEEDED)");
    ensure!(
        !needed.is_empty() && needed.iter().all(|name| PERMITTED.contains(name)),
        "{} needs {}",
        library.file,
        needed.join(", ")
    );
    ensure!(
        bracketed(&dynamic, "(SONAME)") == Vec::from_iter(library.soname),
        "{} has another soname than {:?}",
        library.file,
        library.soname
    );
    ensure!(
        dynamic.contains("BIND_NOW") && readelf("--program-headers")?.contains("GNU_RELRO"),
        "{}: what the linker writes stays writable",
        library.file
    );
    let glibc = newest_glibc(&readelf("--version-info")?);
    ensure!(
        glibc.is_some_and(|glibc| glibc <= GLIBC),
        "{} needs glibc {glibc:?}",
        library.file
    );
    Ok(format!(
        "{}: {} names, needs {}",
        library.file,
        exports.len(),
        needed.join(", ")
    ))
}

/// The functions and variables that `readelf --dyn-syms` shows as defined, with their versions.
fn defined(symbols: &str) -> Vec<String> {
    let columns = symbols
        .lines()
        .map(|line| Vec::from_iter(line.split_whitespace()));
    columns
        .filter_map(|columns| match *columns.as_slice() {
            [number, _, _, _, _, _, section, name, ..] => {
                let is_symbol = number.strip_suffix(':')?.parse::<u32>().is_ok();
                (is_symbol && section != "UND").then(|| name.to_owned())
            }
            _ => None,
        })
        .collect()
}

/// The names in brackets on the lines of `readelf --dynamic` with this tag.
fn bracketed<'d>(dynamic: &'d str, tag: &str) -> Vec<&'d str> {
    let lines = dynamic.lines().filter(|line| line.contains(tag));
    lines
        .filter_map(|line| line.split_once('[')?.1.split_once(']'))
        .map(|(name, _)| name)
        .collect()
}

/// The newest glibc that `readelf --version-info` names.
fn newest_glibc(versions: &str) -> Option<(u32, u32)> {
    let words = versions.split_whitespace();
    let named = words.filter_map(|word| {
        let (major, minor) = word.strip_prefix("GLIBC_")?.split_once('.')?;
        let minor = minor.split('.').next()?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    named.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: &str = "\
Symbol table '.dynsym' contains 4 entries:
   Num:    Value          Size Type    Bind   Vis      Ndx Name
     0: 0000000000000000     0 NOTYPE  LOCAL  DEFAULT  UND
     1: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND malloc@GLIBC_2.2.5 (2)
    54: 000000000002b510  6650 FUNC    GLOBAL DEFAULT   12 libxl_userdata_retrieve
    55: 000000000002b510  6650 FUNC    GLOBAL DEFAULT   12 libxl_userdata_store@@OURS_0.1
    56: 0000000000000000     0 OBJECT  GLOBAL DEFAULT  ABS OURS_0.1
";

    #[test]
    fn a_version_is_a_part_of_the_name_that_is_compared() {
        let expected = [
            "libxl_userdata_retrieve",
            "libxl_userdata_store@@OURS_0.1",
            "OURS_0.1",
        ];
        assert_eq!(defined(SYMBOLS), expected);
        assert!(defined("").is_empty());
    }

    #[test]
    fn needed_libraries_and_the_soname_are_read() {
        let dynamic = " 0x01 (NEEDED)  Shared library: [libc.so.6]\n \
                       0x0e (SONAME)  Library soname: [liba.so.0]\n";
        assert_eq!(bracketed(dynamic, "(NEEDED)"), ["libc.so.6"]);
        assert_eq!(bracketed(dynamic, "(SONAME)"), ["liba.so.0"]);
    }

    #[test]
    fn the_newest_glibc_is_found_by_number() {
        let versions = "Name: GLIBC_2.2.5  Flags: none\n Name: GLIBC_2.34  Name: GLIBC_2.9\n";
        assert_eq!(newest_glibc(versions), Some((2, 34)));
        assert_eq!(newest_glibc("Name: GCC_3.0"), None);
    }
}
