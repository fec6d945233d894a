//! Userdata of Xen domains in a directory: atomic, locked, compatible with libxl.
