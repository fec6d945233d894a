//! The kernel of dom0 as plain ELF.
//!
//! Debian's kernel unpacks itself, or Xen unpacks it: both take seconds on an emulated processor,
//! so we do it before. The boot protocol of x86 Linux tells where the packed kernel lies
//! (`setup_sects`, `payload_offset`, `payload_length`).

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::child::{self, Child};

const UNPACK: Duration = Duration::from_secs(120);

/// Writes the ELF kernel that is packed in the bzImage `from`.
pub(super) fn unpack(from: &Path, to: &Path) -> Result<()> {
    let image = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    let packed = payload(&image).with_context(|| format!("{} is not a bzImage", from.display()))?;
    let program = match packed {
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "xz",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        _ => bail!("{} is packed in a way not known here", from.display()),
    };
    let beside = to.with_extension(program);
    fs::write(&beside, packed)?;
    decompress(program, &beside, to)?;
    fs::remove_file(&beside)?;
    let start = fs::read(to)?;
    ensure!(
        start.starts_with(b"\x7fELF"),
        "{} holds no ELF kernel",
        from.display()
    );
    Ok(())
}

/// Unpacks `from`, which xz or zstd packed.
pub(super) fn decompress(program: &str, from: &Path, to: &Path) -> Result<()> {
    let mut command = child::command(program);
    command.arg("-dc").arg(from).stdout(File::create(to)?);
    Child::start(&mut command, UNPACK)?.succeed()
}

/// The packed kernel, without the four bytes of its unpacked length that follow it.
fn payload(image: &[u8]) -> Option<&[u8]> {
    let setup_sectors = usize::from(*image.get(0x1f1)?);
    let number = |at: usize| {
        let bytes = image.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let start = (setup_sectors + 1) * 512 + number(0x248)?;
    image.get(start..(start + number(0x24c)?).checked_sub(4)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_is_where_the_boot_protocol_says() {
        let mut image = vec![0; 2048];
        image[0x1f1] = 1;
        image[0x248..0x24c].copy_from_slice(&16u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&9u32.to_le_bytes());
        image[1040..1049].copy_from_slice(b"hello\0\0\0\0");
        assert_eq!(payload(&image), Some(&b"hello"[..]));
    }

    #[test]
    fn a_short_or_lying_image_has_no_payload() {
        assert_eq!(payload(b"MZ"), None);
        assert_eq!(payload(&[0xff; 4096]), None);
        assert_eq!(payload(&[0; 4096]), None);
    }
}
