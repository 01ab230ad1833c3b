//! Files that tests need: directories of their own, certificates, the paths of the two servers.
//!
//! May use: nothing of this crate. Must not come in: a running server.
//!
//! Start reading at `binaries.rs`.

pub mod binaries;
pub mod test_directory;
pub mod tls_files;
