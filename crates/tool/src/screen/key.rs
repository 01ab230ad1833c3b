//! What keys ask for.

/// A key that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// End.
    Quit,
    /// Choose the next table.
    NextPanel,
    /// Choose the table before.
    PreviousPanel,
    /// Show the chosen table alone, or all again.
    Alone,
    /// Sort the chosen table by its next column.
    Sort,
    /// Turn the order of the chosen table round.
    Reverse,
    /// Scroll the chosen table.
    Up,
    /// Scroll the chosen table.
    Down,
    /// Scroll the chosen table by what fits.
    PageUp,
    /// Scroll the chosen table by what fits.
    PageDown,
    /// Scroll to the first row.
    Home,
    /// Scroll to the last row.
    End,
    /// Keep what is shown, or go on.
    Pause,
}
