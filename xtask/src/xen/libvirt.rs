//! libvirt of Debian 12 in dom0: its daemon, its driver for libxl and virsh, over dom0's own files.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::archive::Archive;
use super::boot::Machine;
use super::image::{self, Image};
use super::release::Release;
use super::wanted::LIBRARIES;
use crate::debian::apt::{self, Packages, Selection};
use crate::debian::deb;
use crate::debian::{kept, sums};
use crate::progress::Lane;

/// The release of Xen that this libvirt is built for.
pub(super) const RELEASE: Release = Release::V4_17;

/// libvirt, and the packages of the libraries that it is linked to and dom0 does not have. It needs
/// no other package to drive Xen: no dbus, no polkit, no systemd and no qemu.
const PACKAGES: &[&str] = &[
    "libacl1",
    "libapparmor1",
    "libaudit1",
    "libblkid1",
    "libbrotli1",
    "libcap-ng0",
    "libcom-err2",
    "libcurl3-gnutls",
    "libffi8",
    "libglib2.0-0",
    "libgmp10",
    "libgnutls30",
    "libgssapi-krb5-2",
    "libhogweed6",
    "libicu72",
    "libidn2-0",
    "libk5crypto3",
    "libkeyutils1",
    "libkrb5-3",
    "libkrb5support0",
    "libldap-2.5-0",
    "libmount1",
    "libnettle8",
    "libnghttp2-14",
    "libnl-3-200",
    "libnuma1",
    "libp11-kit0",
    "libpcre2-8-0",
    "libpsl5",
    "libreadline8",
    "librtmp1",
    "libsasl2-2",
    "libselinux1",
    "libssh-4",
    "libssh2-1",
    "libssl3",
    "libstdc++6",
    "libtasn1-6",
    "libtinfo6",
    "libtirpc3",
    "libunistring2",
    "libvirt-clients",
    "libvirt-daemon",
    "libvirt-daemon-driver-xen",
    "libvirt0",
    "libxml2",
];

/// libvirt describes the host's processor by a model, and finds none for the default one: it is
/// named as AMD's, whose `SEP` Xen hides from guests of 64 bits. Xen, dom0 with libvirt, and a few
/// small guests.
const MACHINE: Machine = Machine {
    cpu: "max,smap=off,vendor=GenuineIntel",
    memory: 640,
    dom0_memory: 384,
};

/// Settings in dom0's `/etc/libvirt`.
const SETTINGS: [(&str, &str); 2] = [
    (
        "libvirtd.conf",
        include_str!("../../xen/libvirt/libvirtd.conf"),
    ),
    ("libxl.conf", include_str!("../../xen/libvirt/libxl.conf")),
];

/// The sources that determine the archive.
const RECIPE: &[&str] = &[
    include_str!("archive.rs"),
    include_str!("../debian/deb.rs"),
    include_str!("wanted.rs"),
    include_str!("libvirt.rs"),
    SETTINGS[0].1,
    SETTINGS[1].1,
];

/// The folder of libvirt's logs in dom0.
const LOGS: &str = "payload/out/libvirt";

/// The archive with libvirt's files.
const ARCHIVE: &str = "libvirt.cpio.gz";

/// The image of the release with libvirt in dom0. Fetches, unpacks and makes the missing files.
pub(super) fn ready(source: &apt::Source, lane: &Lane) -> Result<Image> {
    let image = image::ready(RELEASE, source, lane)?;
    let dir = RELEASE.dir();
    let _lock = kept::lock(&dir, lane)?;
    let selection = Selection {
        suite: RELEASE.suite(),
        apt: RELEASE.dir().join("apt"),
        dir: dir.join("libvirt-debs"),
        names: PACKAGES.iter().map(|&name| name.to_owned()).collect(),
        kernel: false,
    };
    let packages = apt::packages(selection, source, lane)?;
    let made_of = sums::of_texts(&[&packages.sums.text(), &RECIPE.concat()]);
    let folder = kept::folder(&dir, "libvirt-files", &made_of, lane, |fresh| {
        make(&packages, fresh)
    })?;
    Ok(image.with(folder.join(ARCHIVE), MACHINE))
}

fn make(packages: &Packages, dir: &Path) -> Result<()> {
    let root = dir.join("root");
    deb::new_root(&root)?;
    for name in packages.sums.0.keys() {
        deb::unpack(&packages.dir.join(name), &root, &is_of_libvirt)?;
    }
    let mut archive = Archive::default();
    archive.tree("usr", &root.join("usr"), &|_| true)?;
    for (name, text) in SETTINGS {
        archive.text(&format!("etc/libvirt/{name}"), 0o644, text);
    }
    for folder in ["var/cache/libvirt", "var/lib/libvirt", LOGS] {
        archive.folder(folder);
    }
    // They come back with the results.
    archive.link("var/log/libvirt", &format!("/{LOGS}"));
    let path = dir.join(ARCHIVE);
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    // dom0's memory holds the archive beside the unpacked files for a moment.
    let mut file = GzEncoder::new(BufWriter::new(file), Compression::fast());
    archive.write(&mut file)?;
    file.finish()?
        .into_inner()
        .map_err(|error| error.into_error())?
        .sync_all()?;
    fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))
}

/// The parts of the packages that libvirt needs: of its drivers, the one for libxl.
fn is_of_libvirt(path: &Path) -> bool {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return false;
    };
    let (dir, name) = (dir.to_string_lossy(), name.to_string_lossy());
    let drivers = format!("{LIBRARIES}/libvirt/connection-driver");
    match &*dir {
        LIBRARIES | "usr/share/libvirt/cpu_map" => true,
        "usr/bin" => name == "virsh",
        "usr/sbin" => name == "libvirtd",
        _ => dir == drivers && name == "libvirt_driver_libxl.so",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_drivers_only_that_for_libxl_is_wanted() {
        for path in [
            "usr/bin/virsh",
            "usr/sbin/libvirtd",
            "usr/lib/x86_64-linux-gnu/libvirt.so.0",
            "usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_libxl.so",
            "usr/share/libvirt/cpu_map/index.xml",
        ] {
            assert!(is_of_libvirt(Path::new(path)), "{path}");
        }
        for path in [
            "usr/bin/virt-admin",
            "usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_network.so",
            "usr/lib/x86_64-linux-gnu/gconv/IBM037.so",
            "usr/share/libvirt/schemas/domain.rng",
        ] {
            assert!(!is_of_libvirt(Path::new(path)), "{path}");
        }
    }
}
