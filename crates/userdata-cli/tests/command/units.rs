//! Checks of the units for systemd with `systemd-analyze`. Not every machine has this program;
//! `cargo xtask ci` installs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::sandbox::USERDATA;

const UNITS: [(&str, &str); 3] = [
    (
        "userdata-boot.service",
        include_str!("../../systemd/userdata-boot.service"),
    ),
    (
        "userdata-sweep.service",
        include_str!("../../systemd/userdata-sweep.service"),
    ),
    (
        "userdata-sweep.timer",
        include_str!("../../systemd/userdata-sweep.timer"),
    ),
];

/// In tenths, as `--threshold` takes it: a service without any limits has 96.
const EXPOSURE_MAX: &str = "20";

/// The first release of systemd that judges units which are not installed.
const RELEASE_MIN: u32 = 250;

/// The units in a folder, with the command that is tested here.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in UNITS {
        let text = text.replace("/usr/bin/userdata", USERDATA);
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Whether there is a `systemd-analyze` that can be run.
fn is_there() -> bool {
    let Ok(output) = Command::new("systemd-analyze").arg("--version").output() else {
        return false;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let release = text.split_whitespace().nth(1).unwrap();
    release.parse::<u32>().unwrap() >= RELEASE_MIN
}

/// Runs `systemd-analyze`; `None` where it is not there.
fn analyze(folder: &Path, arguments: &[&str], unit: &str) -> Option<Output> {
    is_there().then(|| {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).arg(folder.join(unit));
        command.output().unwrap()
    })
}

/// The messages about one unit. Other units of this machine may have faults of their own.
fn said_of(unit: &str, output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = text.lines().filter(|line| line.contains(unit));
    lines.map(str::to_owned).collect()
}

fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let lines = text.lines();
    lines
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .collect()
}

#[test]
fn systemd_understands_the_units() {
    let folder = folder();
    // The units on which they depend are not there.
    let verify = ["verify", "--man=no", "--recursive-errors=no"];
    for (name, _) in UNITS {
        if let Some(output) = analyze(folder.path(), &verify, name) {
            let faults = said_of(name, &output);
            assert!(
                output.status.success() && faults.is_empty(),
                "{name}: {output:?}"
            );
        }
    }
    for (right, wrong) in [
        ("Type=oneshot", "Type=once"),
        (USERDATA, "/nowhere/userdata"),
    ] {
        let unit = fs::read_to_string(folder.path().join("userdata-boot.service")).unwrap();
        let name = "broken.service";
        fs::write(folder.path().join(name), unit.replace(right, wrong)).unwrap();
        if let Some(output) = analyze(folder.path(), &verify, name) {
            assert!(
                !output.status.success() || !said_of(name, &output).is_empty(),
                "{wrong}"
            );
        }
    }
}

#[test]
fn the_services_are_confined() {
    let folder = folder();
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let arguments = ["security", "--no-pager", "--offline=true", &threshold];
    let services = UNITS.iter().filter(|(name, _)| name.ends_with(".service"));
    for (name, text) in services {
        if let Some(output) = analyze(folder.path(), &arguments, name) {
            assert!(output.status.success(), "{name}: {output:?}");
        }
        let devices = values(text, "DeviceAllow");
        let allowed = [
            "/dev/xen/privcmd rw",
            "/dev/xen/hypercall rw",
            "/dev/xen/xenbus rw",
        ];
        assert!(
            devices.iter().all(|device| allowed.contains(device)),
            "{devices:?}"
        );
        assert_eq!(values(text, "DevicePolicy"), ["closed"]);
        assert_eq!(values(text, "ProtectSystem"), ["strict"]);
        assert_eq!(values(text, "NoNewPrivileges"), ["yes"]);
        assert_eq!(values(text, "ReadWritePaths"), ["/var/lib/xen"]);
    }
    let open = "[Service]\nType=oneshot\nExecStart=/bin/true\n";
    fs::write(folder.path().join("open.service"), open).unwrap();
    if let Some(output) = analyze(folder.path(), &arguments, "open.service") {
        assert!(!output.status.success(), "{output:?}");
    }
}

#[test]
fn the_boot_unit_holds_up_no_other() {
    let (_, boot) = UNITS[0];
    let before = values(boot, "Before").join(" ");
    assert_eq!(
        before,
        "xenstored.service xen.service xen-init-dom0.service xendomains.service \
         libvirtd.service virtxend.service"
    );
    for key in [
        "Requires",
        "BindsTo",
        "RequiredBy",
        "Requisite",
        "PartOf",
        "OnFailure",
    ] {
        assert!(values(boot, key).is_empty(), "{key}");
    }
}

#[test]
fn the_commands_of_the_services_are_usage_that_is_accepted() {
    for (name, text) in UNITS {
        for line in values(text, "ExecStart") {
            let mut words = line.split(' ');
            assert_eq!(words.next(), Some("/usr/bin/userdata"), "{name}");
            let mut command = Command::new(USERDATA);
            command.args(words).arg("--help");
            assert!(command.output().unwrap().status.success(), "{name}");
        }
    }
}
