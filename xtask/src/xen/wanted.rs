//! The files of the packages that dom0 or the compiler needs.

use std::path::Path;

/// The libraries, for programs and for the linker.
pub(super) const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// Debian's name for the headers and libraries of our processor.
const MULTIARCH: &str = "x86_64-linux-gnu";

/// Programs of dom0.
const PROGRAMS: &[&str] = &[
    "busybox",
    "libxl-save-helper",
    "xen-init-dom0",
    "xenconsoled",
    "xenstore",
    "xenstore-list",
    "xenstore-ls",
    "xenstore-read",
    "xenstore-rm",
    "xenstore-watch",
    "xenstore-write",
    "xenstored",
    "xl",
];

/// Modules of dom0's kernel, in the order in which they are loaded.
pub(super) const MODULES: &[&str] = &[
    "xen-evtchn",
    "xen-gntdev",
    "xen-gntalloc",
    "xen-privcmd",
    "xenfs",
    "e1000",
];

/// The parts of the release's packages that dom0 or the compiler needs.
pub(super) fn is_of_dom0(path: &Path) -> bool {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return false;
    };
    let (dir, name) = (dir.to_string_lossy(), name.to_string_lossy());
    match &*dir {
        "boot" => name.starts_with("vmlinuz-") || name.starts_with("xen-"),
        LIBRARIES | "usr/lib64" => true,
        _ if dir.starts_with("usr/lib/linux/uapi/x86") => true,
        _ if dir.starts_with("usr/include") => {
            let mut folders = dir.split('/').skip(2);
            folders.all(|folder| folder == MULTIARCH || !folder.contains("-linux-gnu"))
        }
        _ if dir.starts_with("usr/lib/modules") => {
            MODULES.contains(&name.split('.').next().unwrap_or_default())
        }
        _ => dir.ends_with("/bin") && PROGRAMS.contains(&&*name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_dom0_or_the_compiler_needs_is_wanted() {
        for path in [
            "boot/xen-4.17-amd64.gz",
            "usr/lib/xen-4.17/bin/xl",
            "usr/bin/busybox",
            "usr/lib/modules/6.1.0-1-amd64/kernel/drivers/xen/xenfs/xenfs.ko.xz",
            "usr/lib/x86_64-linux-gnu/libc.so.6",
            "usr/include/x86_64-linux-gnu/bits/types.h",
            "usr/include/libxl.h",
            "usr/lib/linux/uapi/x86/asm/errno.h",
        ] {
            assert!(is_of_dom0(Path::new(path)), "{path}");
        }
        for path in [
            "boot/config-6.1.0-1-amd64",
            "usr/lib/xen-4.17/bin/oxenstored",
            "usr/lib/modules/6.1.0-1-amd64/kernel/fs/ext4/ext4.ko",
            "usr/lib/x86_64-linux-gnu/gconv/IBM037.so",
            "usr/include/s390x-linux-gnu/asm",
            "usr/lib/linux/uapi/mips/asm/errno.h",
        ] {
            assert!(!is_of_dom0(Path::new(path)), "{path}");
        }
    }
}
