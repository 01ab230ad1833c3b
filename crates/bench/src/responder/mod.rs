//! A server without a cache: it answers every request with the same bytes, on the same kind of ring
//! as Slabcore's executors. Its CPU time is what the kernel costs, and nothing else.
//!
//! May use: nothing of this crate, but `load` in tests. Must not come in: what a request means.
//!
//! Start reading at `responder.rs`.

mod bare_ring;
mod replies;
pub mod responder;
