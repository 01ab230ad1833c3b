//! Cuts: copies of a region's memory as it is while a store to it is made, as a process leaves it
//! that ends there. For tests.

use core::cell::RefCell;
use core::ops::Range;
use std::vec::Vec;

use crate::memory::region::Region;

/// What half-written bytes are in a copy: neither the old ones nor the new ones.
const TORN: u8 = 0xee;

struct Cut {
    /// Stores until the copy is made. `None`: none is to be made.
    left: Option<usize>,
    memory: Option<Vec<u8>>,
}

std::thread_local! {
    static CUT: RefCell<Cut> = const { RefCell::new(Cut { left: None, memory: None }) };
}

/// The memory when store number `number` of an operation, from 0, is half made. `None`: it has
/// fewer stores.
pub(crate) fn during_store(number: usize, operation: impl FnOnce()) -> Option<Vec<u8>> {
    CUT.with_borrow_mut(|cut| *cut = Cut { left: Some(number), memory: None });
    operation();
    CUT.with_borrow_mut(|cut| {
        cut.left = None;
        cut.memory.take()
    })
}

/// How many stores an operation makes.
pub(crate) fn stores_of(operation: impl FnOnce()) -> usize {
    CUT.with_borrow_mut(|cut| *cut = Cut { left: Some(usize::MAX), memory: None });
    operation();
    CUT.with_borrow_mut(|cut| usize::MAX - cut.left.take().expect("fewer stores"))
}

/// Counts a store that is about to be made. `torn`: the bytes of which a part may be written.
/// Empty: it is made by one instruction.
pub(super) fn count(region: &Region, torn: Range<usize>) {
    CUT.with_borrow_mut(|cut| match cut.left {
        Some(0) => {
            cut.left = None;
            let mut memory = region.copy();
            memory[torn].fill(TORN);
            cut.memory = Some(memory);
        }
        Some(left) => cut.left = Some(left - 1),
        None => {}
    });
}
