//! The engine of a pool: etcd 3.4 or later, by gRPC.
//!
//! [`EtcdEngine`] is the [`Engine`](userdata_pool::Engine) of a
//! [`PoolStore`](userdata_pool::PoolStore). It keeps one channel for each member of the cluster and
//! asks them in turn. It repeats only what changes nothing, and what was certainly not sent; what
//! may have been made is told as [`EngineError::Lost`](userdata_pool::EngineError::Lost).
//!
//! # Build
//!
//! etcd's client compiles etcd's `.proto` files, so this crate, and no other, needs `protoc`
//! (Debian: `protobuf-compiler` and `libprotobuf-dev`).

mod cluster;
mod endpoint;
mod engine;
mod error;
mod failure;
mod later;
mod lease;
mod member;
mod options;
mod probe;
mod request;
mod server;
mod thread;

pub use endpoint::Endpoint;
pub use engine::EtcdEngine;
pub use error::{EtcdError, NotAnEndpoint, NotEtcd, Refusal, TlsFault};
pub use options::{EtcdOptions, Login, Tls};
pub use server::Server;
