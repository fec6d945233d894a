//! Every public type that is shared may be sent to, and used from, any thread.

use crate::{
    EventError, HostFile, HostFileError, HostSnapshot, HostState, MalformedHost, ReleaseWatch,
    SimHost,
};

const _: () = {
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<SimHost>();
    send_and_sync::<HostFile>();
    send_and_sync::<HostSnapshot>();
    send_and_sync::<HostState>();
    send_and_sync::<ReleaseWatch>();
    send_and_sync::<EventError>();
    send_and_sync::<HostFileError>();
    send_and_sync::<MalformedHost>();
};
