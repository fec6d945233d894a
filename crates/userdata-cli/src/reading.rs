//! `Reading`: the options of commands that read values of a pool.

use clap::Args;

use crate::failure::Failure;

/// How a pool is read. A build without the feature `pool` has no such option.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    /// On a pool: one member of the cluster answers with what it knows, which may be old. Works
    /// without a quorum
    #[cfg(feature = "pool")]
    #[arg(long)]
    pub(crate) stale: bool,
    #[command(flatten)]
    pub(crate) homes: Homes,
}

/// Whose data is read.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Homes {
    /// On a pool: reads data as well whose home is another host
    #[cfg(feature = "pool")]
    #[arg(long)]
    pub(crate) any_home: bool,
}

impl Reading {
    /// Data of any home that the options permit, as it is now.
    pub(crate) fn of(homes: Homes) -> Self {
        Self {
            #[cfg(feature = "pool")]
            stale: false,
            homes,
        }
    }

    /// Refuses the options where the values are not those of a pool.
    #[cfg(feature = "pool")]
    pub(crate) fn needs_a_pool(self) -> Result<(), Failure> {
        if self.stale || self.homes.any_home {
            return Err(crate::pool::PoolFailure::NoPool.into());
        }
        Ok(())
    }

    #[cfg(not(feature = "pool"))]
    pub(crate) fn needs_a_pool(self) -> Result<(), Failure> {
        Ok(())
    }
}
