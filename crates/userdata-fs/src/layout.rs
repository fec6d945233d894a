//! `Layout`: where a store has the files of a domain.

use std::fmt;
use std::sync::Arc;

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{Cleared, Done, StoreError, StoredAll};

use crate::tree::{BOOT, STAGE, TRASH, Tree};
use crate::uninterrupted::Uninterrupted;
use crate::{Directory, Errno, FileStore};

/// Where a store has the files of a domain.
pub(crate) enum Layout<D> {
    /// In the store's own directory, beside those of all other domains.
    Flat,
    /// In a directory of the domain's own. The store's directory is the root of the tree.
    Tree(Arc<Tree<D>>),
    /// In the store's own directory, which is that of this domain in a tree.
    Domain(DomainKey),
}

impl<D> Clone for Layout<D> {
    fn clone(&self) -> Self {
        match self {
            Self::Flat => Self::Flat,
            Self::Tree(tree) => Self::Tree(Arc::clone(tree)),
            Self::Domain(domain) => Self::Domain(*domain),
        }
    }
}

impl<D> fmt::Debug for Layout<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flat => f.write_str("Flat"),
            Self::Tree(_) => f.write_str("Tree"),
            Self::Domain(domain) => write!(f, "Domain({domain})"),
        }
    }
}

impl<D: Directory> FileStore<D> {
    /// The same store in another layout.
    pub(crate) fn with_layout(mut self, layout: Layout<D>) -> Self {
        self.format = match layout {
            Layout::Flat => self.format,
            Layout::Tree(_) | Layout::Domain(_) => NameFormat::Tree,
        };
        self.layout = layout;
        self
    }

    /// A store with the same limits in the directory of one domain of a tree.
    pub(crate) fn in_directory(&self, directory: Uninterrupted<D>, domain: DomainKey) -> Self {
        Self {
            directory: Arc::new(directory),
            format: NameFormat::Tree,
            layout: Layout::Domain(domain),
            value_max: self.value_max,
            read_timeout: self.read_timeout,
            tells_case: Arc::clone(&self.tells_case),
            line: Arc::clone(&self.line),
        }
    }

    /// Parses a name found in the store's directory.
    pub(crate) fn parse(&self, name: &[u8]) -> Option<FileName> {
        match &self.layout {
            Layout::Domain(domain) => FileName::parse_of(domain, name),
            _ => FileName::parse(self.format, name),
        }
    }

    /// The names in the directory of one domain of a tree.
    pub(crate) fn own_names(&self) -> Result<Vec<FileName>, Errno> {
        let mut names = Vec::new();
        self.directory.list(&mut |name| {
            names.extend(self.parse(name.as_bytes()));
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(names)
    }

    /// The result of a call about one domain. In a tree, the domain's directory is added to the
    /// file names in its errors, which alone do not tell the domain.
    pub(crate) fn named<T: Named>(
        &self,
        domain: &DomainKey,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match (&self.layout, result) {
            (Layout::Tree(_), Ok(mut value)) => {
                value.name_within(domain);
                Ok(value)
            }
            (Layout::Tree(_), Err(error)) => Err(named_within(error, &domain.to_string())),
            (_, result) => result,
        }
    }
}

/// The same error, with a domain's files named as files in the domain's directory. The directories
/// of the tree itself keep their names.
pub(crate) fn named_within(error: StoreError, directory: &str) -> StoreError {
    error.within(directory, |file| {
        let is_of_tree = file == TRASH || file.starts_with(BOOT) || file.starts_with(STAGE);
        file != directory.as_bytes() && !is_of_tree
    })
}

/// A result that may have errors in it.
pub(crate) trait Named {
    /// Names the files in its errors as files in the directory of this domain.
    fn name_within(&mut self, domain: &DomainKey) {
        let _ = domain;
    }
}

impl Named for () {}

fn name_all(errors: &mut Vec<StoreError>, domain: &DomainKey) {
    let directory = domain.to_string();
    let named = errors.drain(..);
    let named = named.map(|error| named_within(error, &directory));
    *errors = named.collect();
}

impl Named for Cleared {
    fn name_within(&mut self, domain: &DomainKey) {
        name_all(&mut self.failed, domain);
    }
}

impl Named for StoredAll {
    fn name_within(&mut self, domain: &DomainKey) {
        name_all(&mut self.failed, domain);
    }
}

impl Named for Vec<Done> {
    fn name_within(&mut self, domain: &DomainKey) {
        for done in self {
            match done {
                Done::Cleared(cleared) => cleared.name_within(domain),
                Done::StoredAll(stored) => stored.name_within(domain),
                _ => {}
            }
        }
    }
}

impl<T> Named for Option<T> {}

impl Named for Vec<userdata_core::store::Entry> {}

impl Named for Vec<FileName> {}

impl Named for Vec<crate::listing::Ending> {}

impl Named for crate::transfer::Plan {}

impl<D: Directory> Named for crate::marker::HeldMarker<D> {}
