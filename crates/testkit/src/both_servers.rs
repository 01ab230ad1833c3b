//! One session, two tests: [`crate::on_both!`].

/// Makes two tests, `slabcore::<name>` and `stock::<name>`, of each function that takes the
/// [`ServerKind`](crate::server_process::ServerKind).
#[macro_export]
macro_rules! on_both {
    ($($session:ident),+ $(,)?) => {
        mod slabcore {
            $(#[test] fn $session() {
                super::$session($crate::server_process::ServerKind::Slabcore);
            })+
        }
        mod stock {
            $(#[test] fn $session() {
                super::$session($crate::server_process::ServerKind::Stock);
            })+
        }
    };
}
