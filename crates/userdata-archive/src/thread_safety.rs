//! Checks at compile time that every public type may be sent to, and shared with, another thread.

use crate::{
    Archive, ContentsError, Damage, Limit, LimitExceeded, Limits, Part, ReadError, WriteError,
};

const _: fn() = || {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Archive>();
    is_send_and_sync::<ContentsError>();
    is_send_and_sync::<Damage>();
    is_send_and_sync::<Limit>();
    is_send_and_sync::<LimitExceeded>();
    is_send_and_sync::<Limits>();
    is_send_and_sync::<Part>();
    is_send_and_sync::<ReadError>();
    is_send_and_sync::<WriteError>();
};
