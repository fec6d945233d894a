//! Reading one value into the caller's buffer, without an allocation.

use userdata_core::file_name::FileName;
use userdata_core::store::{FileType, Operation, StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Userid};

use crate::failure::kind_of;
use crate::read::READS_MAX;
use crate::{Directory, Errno, FileStore, Name};

impl<D: Directory> FileStore<D> {
    /// Reads the value: open, fstat, read, close. Returns its size.
    pub(crate) fn read_into(
        &self,
        domain: &DomainKey,
        userid: &Userid,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, StoreError> {
        let open = |name: Name<'_>| self.directory.open(name);
        match self.read_opened_into(domain, userid, buffer, open)? {
            Ok(size) => Ok(size),
            Err(errno) => {
                let name = self.data_name(domain, userid)?;
                Err(self.unopened(Operation::Read, &name, errno))
            }
        }
    }

    /// Reads the value that `open` opens. The inner error is that of the open.
    pub(crate) fn read_opened_into(
        &self,
        domain: &DomainKey,
        userid: &Userid,
        buffer: &mut [u8],
        open: impl Fn(Name<'_>) -> Result<D::File, Errno>,
    ) -> Result<Result<Option<usize>, Errno>, StoreError> {
        let mut bytes = [0; FileName::LEN_MAX];
        let written = FileName::write_data(self.format, domain, userid, &mut bytes);
        let Ok(Some(name)) = written.map(Name::new) else {
            // This says what is wrong with the name.
            return self.data_name(domain, userid).map(|_| Ok(None));
        };
        let failed = |kind| StoreError::new(Operation::Read, name.as_bytes(), kind);
        for _ in 0..READS_MAX {
            let opened = self.open_leased(None, || open(name)).map_err(failed)?;
            let file = match opened {
                Ok(file) => file,
                Err(Errno::NOENT) => return Ok(Ok(None)),
                Err(errno) => return Ok(Err(errno)),
            };
            let size = self.fill(&file, buffer);
            self.directory.close_unwritten(file);
            if let Some(size) = size.map_err(failed)? {
                return Ok(Ok(Some(size)));
            }
        }
        Err(failed(StoreErrorKind::ChangedWhileRead))
    }

    /// Reads an open file. `None` if it had more or fewer bytes than `fstat` said.
    fn fill(&self, file: &D::File, buffer: &mut [u8]) -> Result<Option<usize>, StoreErrorKind> {
        let metadata = self.directory.metadata(file).map_err(kind_of)?;
        let (size, limit) = (metadata.size, self.value_max);
        if metadata.file_type != FileType::Regular {
            return Err(StoreErrorKind::NotRegular(metadata.file_type));
        }
        if size == 0 {
            return Err(StoreErrorKind::Empty);
        }
        if size > limit {
            return Err(StoreErrorKind::LimitExceeded { limit, size });
        }
        let length = match usize::try_from(size) {
            Ok(length) if length <= buffer.len() => length,
            _ => return Err(StoreErrorKind::BufferTooSmall { size }),
        };
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..)
            && !rest.is_empty()
            && filled < length
        {
            match self.directory.read(file, rest).map_err(kind_of)? {
                0 => return Ok(None),
                count => filled = filled.saturating_add(count),
            }
        }
        // A buffer that is larger than the value has shown whether more bytes follow.
        let more = match filled == buffer.len() {
            true => self.directory.read(file, &mut [0]).map_err(kind_of)?,
            false => 0,
        };
        Ok((filled == length && more == 0).then_some(length))
    }
}
