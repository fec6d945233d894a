//! `HypervisorChoice`: which hypervisor the command uses.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use thiserror::Error;

/// The devices through which domain 0 calls Xen; one of them is enough.
const PRIVCMD: [&str; 2] = ["dev/xen/privcmd", "proc/xen/privcmd"];
/// The file in which Linux names the hypervisor that it runs on.
const HYPERVISOR_TYPE: &str = "sys/hypervisor/type";
/// The default simulated host, in the user's state directory.
const SIMULATED_HOST: &str = "userdata/host.json";

/// The value of `--hypervisor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HypervisorChoice {
    /// Real Xen if the machine has it, else the default simulated host.
    Auto,
    /// Real Xen.
    Xen,
    /// The host that is simulated in this file.
    Simulated(PathBuf),
}

/// Why the value of `--hypervisor` is refused.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("the hypervisor must be auto, xen or sim:FILE")]
pub(crate) struct HypervisorChoiceError;

/// Why `auto` found no host.
#[derive(Debug, Error)]
pub(crate) enum NoHost {
    #[error(
        "this is a Xen host ({hypervisor_type} says so), but it has neither {} nor {}",
        .devices[0].display(), .devices[1].display()
    )]
    XenWithoutPrivcmd {
        hypervisor_type: String,
        devices: [PathBuf; 2],
    },
    #[error(
        "this machine has no Xen, and no state directory for a simulated host: \
         set HOME or XDG_STATE_HOME, or name a host with --hypervisor sim:FILE"
    )]
    NoStateDirectory,
}

impl HypervisorChoice {
    pub(crate) fn parse(text: OsString) -> Result<Self, HypervisorChoiceError> {
        match text.as_bytes() {
            b"auto" => Ok(Self::Auto),
            b"xen" => Ok(Self::Xen),
            bytes => match bytes.strip_prefix(b"sim:") {
                Some(file) if !file.is_empty() => {
                    Ok(Self::Simulated(OsString::from_vec(file.to_vec()).into()))
                }
                _ => Err(HypervisorChoiceError),
            },
        }
    }
}

/// Whether the machine with this root directory runs on Xen.
pub(crate) fn is_xen(root: &Path) -> Result<bool, NoHost> {
    let devices = PRIVCMD.map(|device| root.join(device));
    if devices.iter().any(|device| device.exists()) {
        return Ok(true);
    }
    match fs::read_to_string(root.join(HYPERVISOR_TYPE)) {
        Ok(text) if text.trim() == "xen" => Err(NoHost::XenWithoutPrivcmd {
            hypervisor_type: format!("/{HYPERVISOR_TYPE}"),
            devices,
        }),
        _ => Ok(false),
    }
}

/// The file of the default simulated host, by the rules for state directories: `XDG_STATE_HOME` if
/// it is absolute (and so not empty), else `~/.local/state`.
pub(crate) fn default_simulated() -> Result<PathBuf, NoHost> {
    let chosen = env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || env::home_dir().map(|home| home.join(".local/state"));
    let state = chosen.filter(|path| path.is_absolute()).or_else(home);
    match state {
        Some(state) if state.is_absolute() => Ok(state.join(SIMULATED_HOST)),
        _ => Err(NoHost::NoStateDirectory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_one_of_three_words() {
        let parse = |text: &str| HypervisorChoice::parse(text.into());
        assert_eq!(parse("auto"), Ok(HypervisorChoice::Auto));
        assert_eq!(parse("xen"), Ok(HypervisorChoice::Xen));
        let file = HypervisorChoice::Simulated("a:b".into());
        assert_eq!(parse("sim:a:b"), Ok(file));
        for text in ["", "Xen", "sim", "sim:", "kvm", " auto"] {
            assert_eq!(parse(text), Err(HypervisorChoiceError), "{text:?}");
        }
    }

    #[test]
    fn auto_is_xen_where_either_device_exists() {
        for device in PRIVCMD {
            let root = tempfile::tempdir().unwrap();
            let device = root.path().join(device);
            fs::create_dir_all(device.parent().unwrap()).unwrap();
            assert!(!is_xen(root.path()).unwrap());
            fs::write(device, "").unwrap();
            assert!(is_xen(root.path()).unwrap());
        }
    }

    #[test]
    fn xen_without_its_device_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join(HYPERVISOR_TYPE);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "kvm\n").unwrap();
        assert!(!is_xen(root.path()).unwrap());
        fs::write(&file, "xen\n").unwrap();
        let refused = is_xen(root.path()).unwrap_err();
        assert!(matches!(refused, NoHost::XenWithoutPrivcmd { .. }));
        assert!(refused.to_string().contains("dev/xen/privcmd"));
    }
}
