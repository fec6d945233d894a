//! Calls out of Rust: `ioctl` on the privcmd device and, with the feature `xenctrl`, libxenctrl.
//! The one module with `unsafe` code.
//!
//! Every hypercall through the device gets memory of its own, which is unmapped when the call
//! returns. So threads share nothing, and a child that is forked meanwhile does not inherit the
//! memory of its parent's calls.
#![expect(
    unsafe_code,
    reason = "hypercalls pass addresses, and C's promises are in its headers"
)]

use std::ffi::c_void;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};

use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode};
use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::abi::{domctl, sysctl};
use crate::privcmd::device::Device;
use crate::privcmd::hypercall::{Hypercall, Refusal};

const XEN_VERSION: u64 = 17;
const SYSCTL: u64 = 35;
const DOMCTL: u64 = 36;

/// `struct privcmd_hypercall`.
#[repr(C)]
struct Call {
    op: u64,
    arg: [u64; 5],
}

// SAFETY: the privcmd driver defines `IOCTL_PRIVCMD_HYPERCALL` as
// `_IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))`, 0x305000 on x86 and Arm, takes a
// pointer to that structure and only reads it. It returns what the hypercall returned, so the
// output needs no pointer. The caller argues which memory the hypercall itself writes.
unsafe impl Ioctl for Call {
    type Output = u32;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        0x0030_5000
    }

    fn as_ptr(&mut self) -> *mut c_void {
        ptr::from_mut(self).cast()
    }

    unsafe fn output_from_ptr(result: IoctlOutput, _: *mut c_void) -> rustix::io::Result<u32> {
        Ok(result.cast_unsigned())
    }
}

impl Hypercall for Device {
    fn xen_version(&self) -> Result<u32, Refusal> {
        let call = Call {
            op: XEN_VERSION,
            arg: [0; 5],
        };
        // SAFETY: `xen_version` with command 0, `XENVER_version`, has no argument and writes no
        // memory.
        let answer = unsafe { rustix::ioctl::ioctl(&self.privcmd, call) };
        answer.map_err(Refusal::Hypervisor)
    }

    fn domctl(&self, request: &domctl::Request) -> Result<[u8; domctl::SIZE], Refusal> {
        let mut answer = *request.bytes();
        let pages = Pages::holding(&answer, self.buffers.as_ref())?;
        let call = Call {
            op: DOMCTL,
            arg: [pages.address(), 0, 0, 0, 0],
        };
        // SAFETY: the hypervisor reads and writes one `struct xen_domctl`, `domctl::SIZE` bytes,
        // at the address, which is that of a mapping of this length that lives until the end of
        // this function. A `domctl::Request` holds no address, so nothing else is written.
        unsafe { rustix::ioctl::ioctl(&self.privcmd, call) }.map_err(Refusal::Hypervisor)?;
        pages.copy_to(&mut answer);
        Ok(answer)
    }

    fn sysctl(&self, request: &sysctl::Request) -> Result<sysctl::Answer, Refusal> {
        let mut records = vec![0; request.records_len()];
        let list = Pages::holding(&records, self.buffers.as_ref())?;
        let mut answer = request.to_buffer(list.address());
        let pages = Pages::holding(&answer, self.buffers.as_ref())?;
        let call = Call {
            op: SYSCTL,
            arg: [pages.address(), 0, 0, 0, 0],
        };
        // SAFETY: the hypervisor reads and writes one `struct xen_sysctl`, `sysctl::SIZE` bytes, at
        // the address, and at most as many records as were asked for at the address inside it. Both
        // mappings live until the end of this function. No record is longer than `records_len`
        // allows for: a request has a known layout, and a hypervisor with another layout refuses
        // its interface version.
        unsafe { rustix::ioctl::ioctl(&self.privcmd, call) }.map_err(Refusal::Hypervisor)?;
        pages.copy_to(&mut answer);
        list.copy_to(&mut records);
        Ok(sysctl::Answer::new(answer, records))
    }
}

/// Memory that the hypervisor can reach: resident, locked, and not shared with a forked child.
struct Pages {
    start: NonNull<u8>,
    len: usize,
}

impl Pages {
    /// Maps memory that holds these bytes.
    fn holding(bytes: &[u8], buffers: Option<&OwnedFd>) -> Result<Self, Refusal> {
        let pages = Self::map(bytes.len(), buffers).map_err(Refusal::Buffer)?;
        // SAFETY: the mapping is writable, at least as long as `bytes`, and used by nothing else.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), pages.start.as_ptr(), pages.len) };
        Ok(pages)
    }

    fn map(len: usize, buffers: Option<&OwnedFd>) -> Result<Self, Errno> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let start = match buffers {
            // SAFETY: a new mapping at an address of the kernel's choice overlaps no other.
            Some(device) => unsafe {
                rustix::mm::mmap(
                    ptr::null_mut(),
                    len,
                    access,
                    MapFlags::SHARED,
                    device.as_fd(),
                    0,
                )
            },
            // SAFETY: as above.
            None => unsafe {
                let locked = MapFlags::PRIVATE | MapFlags::LOCKED | MapFlags::POPULATE;
                rustix::mm::mmap_anonymous(ptr::null_mut(), len, access, locked)
            },
        }?;
        let start = NonNull::new(start.cast()).ok_or(Errno::NOMEM)?;
        let pages = Self { start, len };
        if buffers.is_none() {
            // A child would share the pages until one side writes to them, and a write of the
            // hypervisor does not end the sharing.
            // SAFETY: the advice concerns forked children only, and none uses this mapping.
            unsafe { rustix::mm::madvise(start.as_ptr().cast(), len, Advice::LinuxDontFork) }?;
        }
        Ok(pages)
    }

    fn address(&self) -> u64 {
        // 64-bit systems only: the address is no longer than a u64.
        self.start.as_ptr().expose_provenance() as u64
    }

    fn copy_to(&self, bytes: &mut [u8]) {
        let len = self.len.min(bytes.len());
        // SAFETY: both are at least `len` bytes long, and nothing else uses the mapping: the call
        // during which the hypervisor wrote to it has returned.
        unsafe { ptr::copy_nonoverlapping(self.start.as_ptr(), bytes.as_mut_ptr(), len) };
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: `map` made the mapping, and no reference into it was ever made. A failure would
        // leave it in place, which is harmless.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// The functions of libxenctrl that `Xenctrl` needs.
#[cfg(feature = "xenctrl")]
pub(crate) mod libxenctrl {
    use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
    use std::io;
    use std::ptr::{self, NonNull};

    use userdata_core::Domid;
    use xenctrl_sys::{
        xc_domain_getinfolist, xc_domaininfo_t, xc_interface, xc_interface_close,
        xc_interface_open, xc_version, xentoollog_logger,
    };

    /// An open `xc_interface`. Two threads must not use it at once, and a forked child must not use
    /// it at all.
    #[derive(Debug)]
    pub(crate) struct Interface(NonNull<xc_interface>);

    // SAFETY: libxenctrl ties a handle to a process and not to a thread ("After fork a child
    // process must not use any opened xc interface handle inherited from their parent").
    unsafe impl Send for Interface {}

    impl Interface {
        /// `xc_interface_open`, with a logger that prints nothing.
        pub(crate) fn open() -> io::Result<Self> {
            let logger = ptr::from_ref(&SILENCE)
                .cast_mut()
                .cast::<xentoollog_logger>();
            // SAFETY: the logger is a static, has the layout of a `xentoollog_logger`, and is only
            // read: libxenctrl calls its three functions and does nothing else with it.
            let handle = unsafe { xc_interface_open(logger, logger, 0) };
            NonNull::new(handle)
                .map(Self)
                .ok_or_else(io::Error::last_os_error)
        }

        /// `xc_version(XENVER_version)`.
        pub(crate) fn version(&mut self) -> io::Result<u32> {
            // SAFETY: the handle is open; command 0, `XENVER_version`, has no argument.
            let version = unsafe { xc_version(self.0.as_ptr(), 0, ptr::null_mut()) };
            u32::try_from(version).map_err(|_| io::Error::last_os_error())
        }

        /// `xc_domain_getinfolist`: up to `domains_max` domains, in order of domid, from `first`
        /// on. The records are not checked yet.
        pub(crate) fn list(&mut self, first: Domid, domains_max: u16) -> io::Result<Vec<Record>> {
            let mut records = vec![xc_domaininfo_t::default(); usize::from(domains_max)];
            // SAFETY: the handle is open, and `records` has room for as many records as are asked
            // for. The library and the header agree on the length of a record: the library's
            // soname, which the program is linked with, changes with every release of Xen, as does
            // the header. Every value of a record's fields is valid: they are integers.
            let count = unsafe {
                xc_domain_getinfolist(
                    self.0.as_ptr(),
                    u32::from(first.get()),
                    c_uint::from(domains_max),
                    records.as_mut_ptr(),
                )
            };
            let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
            let fields = |record: &xc_domaininfo_t| Record {
                domid: record.domain,
                flags: record.flags,
                handle: record.handle,
            };
            Ok(records.iter().take(count).map(fields).collect())
        }
    }

    /// The fields of a record that are read.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Record {
        pub(crate) domid: u16,
        pub(crate) flags: u32,
        pub(crate) handle: [u8; 16],
    }

    impl Drop for Interface {
        fn drop(&mut self) {
            // SAFETY: the handle is open and not used afterwards. The result needs no reaction.
            let _ = unsafe { xc_interface_close(self.0.as_ptr()) };
        }
    }

    /// `struct xentoollog_logger`, with a level that may be any integer, as C passes it.
    #[repr(C)]
    struct Logger {
        message:
            extern "C" fn(*mut Logger, c_uint, c_int, *const c_char, *const c_char, *mut c_void),
        progress: extern "C" fn(*mut Logger, *const c_char, *const c_char, c_int, c_ulong, c_ulong),
        destroy: extern "C" fn(*mut Logger),
    }

    const _: () = assert!(size_of::<Logger>() == size_of::<xentoollog_logger>());

    static SILENCE: Logger = Logger {
        message,
        progress,
        destroy,
    };

    extern "C" fn message(
        _: *mut Logger,
        _: c_uint,
        _: c_int,
        _: *const c_char,
        _: *const c_char,
        _: *mut c_void,
    ) {
    }

    extern "C" fn progress(
        _: *mut Logger,
        _: *const c_char,
        _: *const c_char,
        _: c_int,
        _: c_ulong,
        _: c_ulong,
    ) {
    }

    extern "C" fn destroy(_: *mut Logger) {}
}

#[cfg(test)]
mod tests {
    use userdata_core::Domid;

    use crate::abi::Arch;

    use super::*;

    #[test]
    fn pages_hold_the_bytes_put_in_and_are_locked() {
        let bytes: Vec<u8> = (0..20_000).map(|n| (n % 251) as u8).collect();
        let pages = Pages::holding(&bytes, None).unwrap();
        let mut back = vec![0; bytes.len()];
        pages.copy_to(&mut back);
        assert_eq!(back, bytes);
        let flags = flags_of(pages.address()).unwrap();
        assert!(flags.contains(" lo ") && flags.contains(" dc "), "{flags}");
        let address = pages.address();
        drop(pages);
        assert_eq!(flags_of(address), None);
    }

    #[test]
    fn a_file_that_is_not_the_device_refuses_every_call() {
        let file = tempfile::tempfile().unwrap();
        let device = Device {
            privcmd: file.into(),
            buffers: None,
        };
        let no_such_ioctl = Some(Refusal::Hypervisor(Errno::NOTTY));
        assert_eq!(device.xen_version().err(), no_such_ioctl);
        let request = domctl::get_domain_info(0x15, Domid::ZERO);
        assert_eq!(device.domctl(&request).err(), no_such_ioctl);
        let layout = sysctl::Layout::known(0x15, Arch::X86_64).unwrap();
        let request = sysctl::get_domain_info_list(layout, Domid::ZERO, 256);
        assert_eq!(device.sysctl(&request).err(), no_such_ioctl);
    }

    #[test]
    fn a_buffer_that_cannot_be_mapped_is_not_a_refusal_by_xen() {
        let device = Device {
            privcmd: unmappable(),
            buffers: Some(unmappable()),
        };
        let request = domctl::get_domain_info(0x15, Domid::ZERO);
        assert!(matches!(device.domctl(&request), Err(Refusal::Buffer(_))));
    }

    /// A descriptor that can't be mapped.
    fn unmappable() -> OwnedFd {
        std::os::unix::net::UnixStream::pair().unwrap().0.into()
    }

    /// The kernel's flags of the mapping at this address: `lo` means locked, `dc` means not copied
    /// on fork.
    fn flags_of(address: u64) -> Option<String> {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let start = format!("{address:x}-");
        let mut lines = maps.lines().skip_while(|line| !line.starts_with(&start));
        let flags = lines.find(|line| line.starts_with("VmFlags:"))?;
        Some(format!("{flags} "))
    }
}
