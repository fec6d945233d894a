//! Values that are stored together, and values that are moved to another domain, while each system
//! call fails in turn, and while the process is killed before each of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_core::store::{
    Clash, Done, Durability, Op, Put, Snapshotless, StoreError, StoreErrorKind, Transfer,
};
