//! A slabcore and a stock memcached with the same options.

use slabcore_testkit::playback::Player;
use slabcore_testkit::replies::shown;
use slabcore_testkit::script::Script;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::splits::Splits;

/// Keeps the stock memcached's replies from depending on its background thread: while that holds
/// a reference to an item, a shorter number is not written in place and its padding is missing.
pub(crate) const STEADY_STOCK: &[&str] = &["-o", "no_lru_maintainer"];

/// Both servers.
pub(crate) struct Twins {
    slabcore: ServerProcess,
    stock: ServerProcess,
}

/// A player for each.
pub(crate) struct TwinPlayers<'s> {
    slabcore: Player<'s>,
    stock: Player<'s>,
}

impl Twins {
    /// Starts both with these command line words and this many threads.
    pub(crate) fn start(threads: usize, arguments: &[&str]) -> Self {
        let slabcore = ServerOptions::new(ServerKind::Slabcore, threads).arguments(arguments);
        let stock = ServerOptions::new(ServerKind::Stock, threads).arguments(arguments);
        Self { slabcore: slabcore.start(), stock: stock.arguments(STEADY_STOCK).start() }
    }

    /// Players for both.
    pub(crate) fn players(&self) -> TwinPlayers<'_> {
        TwinPlayers { slabcore: Player::new(&self.slabcore), stock: Player::new(&self.stock) }
    }
}

/// Compares; a difference must show twice. The clocks of two servers tick at different moments, and
/// what is played between them may differ.
pub(crate) fn must_agree<E>(mut compare: impl FnMut() -> Result<(), E>) -> Result<(), E> {
    compare().or_else(|_| compare())
}

impl TwinPlayers<'_> {
    /// Plays the script to both; on a difference, says which.
    pub(crate) fn compare(&mut self, script: &Script, splits: Splits) -> Result<(), String> {
        must_agree(|| self.compare_once(script, splits))
    }

    fn compare_once(&mut self, script: &Script, splits: Splits) -> Result<(), String> {
        let slabcore = self.slabcore.play(script, splits);
        let stock = self.stock.play(script, splits);
        if slabcore == stock {
            return Ok(());
        }
        let pairs = slabcore.iter().zip(&stock);
        let same = pairs.take_while(|(ours, theirs)| ours == theirs).count();
        Err(format!(
            "replies differ at byte {same} ({splits:?})\n  script   {}\n  slabcore {}\n  \
             stock    {}",
            abridged(&script.to_string()),
            around(&slabcore, same),
            around(&stock, same),
        ))
    }
}

/// The bytes from a little before `at` on.
fn around(replies: &[u8], at: usize) -> String {
    shown(&replies[at.saturating_sub(80)..])
}

fn abridged(text: &str) -> String {
    const CHARACTERS_MAX: usize = 4000;
    let mut short: String = text.chars().take(CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        short.push_str(" ..");
    }
    short
}
