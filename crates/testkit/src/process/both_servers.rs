//! Makes two tests of one session: [`crate::on_both!`].

use crate::files::binaries;
use crate::process::server_process::ServerKind;

/// Makes two tests, `slabcore::<name>` and `stock::<name>`, of each function that takes the
/// [`ServerKind`]. Sessions after `since_45:` are skipped on a memcached before 1.6.45, which
/// answers them differently.
#[macro_export]
macro_rules! on_both {
    ($($session:ident),+ $(,)? $(; since_45: $($newer:ident),+ $(,)?)?) => {
        mod slabcore {
            $(#[test] fn $session() {
                super::$session($crate::server_process::ServerKind::Slabcore);
            })+
            $($(#[test] fn $newer() {
                super::$newer($crate::server_process::ServerKind::Slabcore);
            })+)?
        }
        mod stock {
            $(#[test] fn $session() {
                super::$session($crate::server_process::ServerKind::Stock);
            })+
            $($(#[test] fn $newer() {
                $crate::both_servers::play_on_current_stock(super::$newer);
            })+)?
        }
    };
}

/// Plays a session on stock memcached, unless that is older than 1.6.45.
pub fn play_on_current_stock(session: impl FnOnce(ServerKind)) {
    if binaries::stock_is_current() {
        session(ServerKind::Stock);
    } else {
        eprintln!("the memcached at hand is older than 1.6.45, whose replies this session has");
    }
}
