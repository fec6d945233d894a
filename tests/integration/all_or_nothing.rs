//! Values that are put together, and values that are given away, while every single call fails in
//! turn, and while the process is killed before every single call.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_core::store::{
    Clash, Done, Durability, Op, Put, Snapshotless, StoreError, StoreErrorKind, Transfer,
};
