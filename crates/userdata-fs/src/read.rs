//! Reading one value: without a lock, without creating a file, and bounded.

use userdata_core::Value;
use userdata_core::file_name::FileName;
use userdata_core::store::{Condition, Entry, FileType, Operation, StoreError, StoreErrorKind};

use crate::failure::kind_of;
use crate::wait::Timeout;
use crate::{Directory, Errno, FileStore, Metadata};

/// How often a value may change while it is read before the reader gives up. A rename replaces a
/// value as a whole, so only a program that writes into the file can cause this.
pub(crate) const READS_MAX: u32 = 4;

/// How many bytes a `Vec` can have.
const LENGTH_MAX: usize = isize::MAX as usize;

impl<D: Directory> FileStore<D> {
    /// Reads the value: open, fstat, read, close. A caller that holds the lock passes the timeout
    /// of its call.
    pub(crate) fn read(
        &self,
        name: &FileName,
        timeout: Option<Timeout>,
    ) -> Result<Option<Value>, StoreError> {
        self.read_opened(name, timeout, || self.directory.open(name.into()))?
            .map_err(|errno| self.unopened(Operation::Read, name, errno))
    }

    /// Reads the value that `open` opens. The inner error is that of the open.
    pub(crate) fn read_opened(
        &self,
        name: &FileName,
        timeout: Option<Timeout>,
        open: impl Fn() -> Result<D::File, Errno>,
    ) -> Result<Result<Option<Value>, Errno>, StoreError> {
        for _ in 0..READS_MAX {
            let opened = self
                .open_leased(timeout, &open)
                .map_err(|kind| StoreError::new(Operation::Read, name, kind))?;
            let file = match opened {
                Ok(file) => file,
                Err(Errno::NOENT) => return Ok(Ok(None)),
                Err(errno) => return Ok(Err(errno)),
            };
            let bytes = self.read_open(name, &file);
            self.directory.close_unwritten(file);
            if let Some(bytes) = bytes? {
                return Ok(Ok(Some(Value::new(bytes))));
            }
        }
        Err(StoreError::new(
            Operation::Read,
            name,
            StoreErrorKind::ChangedWhileRead,
        ))
    }

    /// The bytes of an open file; `None` if they were more or fewer than the size that `fstat`
    /// gave.
    fn read_open(&self, name: &FileName, file: &D::File) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = |kind| StoreError::new(Operation::Read, name, kind);
        let metadata = self
            .directory
            .metadata(file)
            .map_err(|e| failed(kind_of(e)))?;
        let (size, limit) = (metadata.size, self.value_max);
        if metadata.file_type != FileType::Regular {
            return Err(failed(StoreErrorKind::NotRegular(metadata.file_type)));
        }
        if size == 0 {
            return Err(failed(StoreErrorKind::Empty));
        }
        // Room for one byte more than expected: if the read leaves it unused, it has seen the end.
        let length = match usize::try_from(size) {
            Ok(length) if size <= limit && length < LENGTH_MAX => length,
            _ => return Err(failed(StoreErrorKind::LimitExceeded { limit, size })),
        };
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(length + 1)
            .map_err(|_| failed(StoreErrorKind::OutOfMemory { size }))?;
        bytes.resize(length + 1, 0);
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..)
            && !rest.is_empty()
            && filled != length
        {
            match self
                .directory
                .read(file, rest)
                .map_err(|e| failed(kind_of(e)))?
            {
                0 => break,
                count => filled = filled.saturating_add(count),
            }
        }
        bytes.truncate(filled);
        Ok((filled == length).then_some(bytes))
    }

    /// The entry that a listing shows for the value of this name.
    pub(crate) fn entry(&self, name: &FileName) -> Result<Option<Entry>, StoreError> {
        match self.directory.metadata_at(name.into()) {
            Ok(metadata) => Ok(Some(entry_of(name, &metadata))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(StoreError::new(Operation::Inspect, name, kind_of(errno))),
        }
    }

    /// The error of an operation on this name; if it is not a regular file, the error says so.
    pub(crate) fn unopened(
        &self,
        operation: Operation,
        name: &FileName,
        errno: Errno,
    ) -> StoreError {
        let strange = matches!(
            errno,
            Errno::LOOP
                | Errno::ISDIR
                | Errno::NXIO
                | Errno::NODEV
                | Errno::EXIST
                | Errno::PERM
                | Errno::NOTEMPTY
        );
        let kind = match self.directory.metadata_at(name.into()) {
            Ok(metadata) if strange && metadata.file_type != FileType::Regular => {
                StoreErrorKind::NotRegular(metadata.file_type)
            }
            _ => kind_of(errno),
        };
        StoreError::new(operation, name, kind)
    }
}

pub(crate) fn entry_of(name: &FileName, metadata: &Metadata) -> Entry {
    let condition = match (metadata.file_type, metadata.size) {
        (FileType::Regular, 0) => Condition::Empty,
        (FileType::Regular, _) => Condition::Whole,
        (other, _) => Condition::NotRegular(other),
    };
    Entry::new(name.userid(), metadata.size, condition).with_modified(metadata.modified)
}
