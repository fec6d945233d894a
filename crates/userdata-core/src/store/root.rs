//! `RootRefused`: why a directory can't be used in a layout.

use thiserror::Error;

/// Why a directory can't be used in the layout with which it was opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RootRefused {
    /// It has no `tree` file, and is not empty, so nothing shows that it may be used as the root of
    /// a tree.
    #[error("it is not the root of a tree: it has no `tree` file and is not empty")]
    NotEmpty,
    /// The tree belongs to another host, whose domains are not known here.
    #[error("the tree belongs to `{found}`, and not to `{expected}`")]
    OwnedByAnother {
        /// The owner in the `tree` file.
        found: String,
        /// The owner with which it was opened.
        expected: String,
    },
    /// The `tree` file is of a newer version of this library, or of another program.
    #[error("the `tree` file has a format that this version does not know")]
    UnknownFormat,
    /// It is the root of a tree, and was opened with another layout.
    #[error("it is the root of a tree, and has to be opened with the tree layout")]
    IsTree,
    /// It is on NFS.
    #[error("the tree layout locks directories, and NFS cannot lock a directory")]
    Nfs,
}
