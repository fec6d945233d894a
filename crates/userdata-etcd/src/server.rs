//! `Server`: what one member says about itself.

/// What one member says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its version, as `3.5.16`.
    pub version: String,
    /// The size of its database in bytes.
    pub db_size: u64,
}
