//! The screen: its state, which keys change, and how it is drawn.
//!
//! May use: `limits`, `escaped`, `report`, `view`. Must not come in: the real terminal, sockets,
//! and anything that waits. All of it is drawn into a buffer in tests.
//!
//! Start reading at `draw.rs`.

mod draw;
mod history;
mod key;
mod screen_state;

pub(crate) use self::draw::draw;
pub(crate) use self::key::Key;
pub(crate) use self::screen_state::{Progress, ScreenState};
