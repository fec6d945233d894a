//! Checks at compile time that every public type may be sent to, and shared with, another thread.

use crate::xenstore::{
    Endpoint, Event, Malformed, MessageKind, Xenstore, XenstoreError, XenstoreErrorKind,
};
use crate::{Changes, Options, Privcmd, Xen, XenVersion, XenVersionError};

const _: fn() = || {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Xen>();
    is_send_and_sync::<Options>();
    is_send_and_sync::<Changes>();
    is_send_and_sync::<Privcmd>();
    is_send_and_sync::<XenVersion>();
    is_send_and_sync::<XenVersionError>();
    is_send_and_sync::<Xenstore>();
    is_send_and_sync::<Endpoint>();
    is_send_and_sync::<Event>();
    is_send_and_sync::<Malformed>();
    is_send_and_sync::<MessageKind>();
    is_send_and_sync::<XenstoreError>();
    is_send_and_sync::<XenstoreErrorKind>();
    #[cfg(feature = "xenctrl")]
    is_send_and_sync::<crate::Xenctrl>();
};
