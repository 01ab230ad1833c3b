//! The screen on a real terminal: samples, keys and signals as they come.
//!
//! May use: all other rooms. Must not come in: what is shown where.
//!
//! Start reading at `live.rs`.

mod event;
mod live;

pub(crate) use self::live::run;
