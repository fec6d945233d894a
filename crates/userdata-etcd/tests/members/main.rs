//! What `EtcdEngine` tells about what is at its endpoints. No etcd is needed.

mod listener;
mod lost;
mod options;
mod other;
