//! The name of a value, written into a buffer: a reader needs no allocation for it.

use std::io::Write as _;

use super::{FileName, NameFormat, NameTooLong, PREFIX, UUID_LEN};
use crate::{DomainKey, Userid};

impl FileName {
    /// Writes the name that [`FileName::data`] makes into a buffer, and returns it.
    ///
    /// # Errors
    ///
    /// [`NameTooLong`], as [`FileName::data`].
    pub fn write_data<'b>(
        format: NameFormat,
        key: &DomainKey,
        userid: &Userid,
        buffer: &'b mut [u8; Self::LEN_MAX],
    ) -> Result<&'b [u8], NameTooLong> {
        let mut head = [0; PREFIX.len() + "d.65535.".len() + UUID_LEN + 1];
        let room = head.len();
        let mut left = &mut head[..];
        let mut uuid = [0; UUID_LEN];
        let uuid = key.uuid.hyphenated().encode_lower(&mut uuid);
        // Invariant: the longest domid fits.
        let _ = left.write_all(format.prefix());
        let _ = match format {
            NameFormat::Tree => write!(left, "d."),
            NameFormat::Libxl => write!(left, "d.{}.{uuid}.", key.domid),
            NameFormat::Seed => write!(left, "d.{uuid}."),
        };
        let head_len = room - left.len();
        let length = head_len + userid.as_bytes().len();
        let too_long = NameTooLong { length };
        let name = buffer.get_mut(..length).ok_or(too_long)?;
        let (start, rest) = name.split_at_mut_checked(head_len).ok_or(too_long)?;
        start.copy_from_slice(head.get(..head_len).unwrap_or_default());
        rest.copy_from_slice(userid.as_bytes());
        Ok(name)
    }

    /// Writes the name of a domain's directory in a tree, which [`FileName::lock`] makes, into a
    /// buffer, and returns it.
    #[must_use]
    pub fn write_directory<'b>(key: &DomainKey, buffer: &'b mut [u8; Self::LEN_MAX]) -> &'b [u8] {
        let mut left = &mut buffer[..];
        // Invariant: the name of every key fits.
        let _ = write!(left, "{key}");
        let length = Self::LEN_MAX - left.len();
        buffer.get(..length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Domid, Uuid};

    #[test]
    fn a_written_name_is_that_of_the_value() {
        let uuid = Uuid::from_u128(0x1111_1111_2222_3333_4444_abcd_ef55_5555);
        for domid in [0, 7, 10, 32_751] {
            let key = DomainKey::new(Domid::new(domid).unwrap(), uuid);
            for format in [NameFormat::Libxl, NameFormat::Seed, NameFormat::Tree] {
                for length in 0..=Userid::LEN_MAX {
                    let userid = Userid::new(vec![b'x'; length]).unwrap();
                    let mut buffer = [0; FileName::LEN_MAX];
                    let written = FileName::write_data(format, &key, &userid, &mut buffer);
                    let name = FileName::data(format, &key, &userid);
                    assert_eq!(
                        written,
                        name.as_ref().map(FileName::as_bytes).map_err(|e| *e)
                    );
                }
            }
        }
    }
}
