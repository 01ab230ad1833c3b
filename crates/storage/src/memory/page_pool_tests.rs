//! Tests of the page pool: owners, limits, returned memory, kept pages.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use std::thread;

use crate::limits::PAGE_BYTES;
use crate::memory::page::Page;
use crate::memory::page_pool::PagePool;
use crate::memory::region::Region;

fn pool(pages: usize) -> PagePool {
    PagePool::new(Region::new(Box::new(vec![0_u8; pages * PAGE_BYTES + 100])))
}

#[test]
fn hands_out_every_page_once_and_reuses_the_last_given() {
    let pool = pool(3);
    let taken: Vec<Page> = core::iter::from_fn(|| pool.take()).collect();
    assert_eq!(taken.iter().map(Page::number).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((pool.pages_total(), pool.pages_free()), (3, 0));
    for page in taken {
        pool.give(page);
    }
    assert_eq!(pool.pages_free(), 3);
    assert_eq!(pool.take().map(|page| page.number()), Some(2));
}

#[test]
fn never_touched_pages_come_after_given_ones() {
    let pool = pool(2);
    let first = pool.take().unwrap();
    pool.give(first);
    assert_eq!(pool.take().unwrap().number(), 0);
    assert_eq!(pool.take().unwrap().number(), 1);
    assert_eq!(pool.take(), None);
}

#[test]
fn pages_are_exchanged_above_the_limit() {
    let pool = pool(4);
    let mut owned: Vec<Page> = core::iter::from_fn(|| pool.take()).collect();
    assert_eq!(pool.take_exchanged(), None, "the limit is reached, not exceeded");
    assert!(pool.set_limit(2));
    assert_eq!((pool.take_exchanged(), pool.pages_over()), (None, 2));
    pool.give(owned.remove(0));
    assert_eq!((pool.take(), pool.pages_over()), (None, 1));
    owned.extend(pool.take_exchanged());
    assert_eq!((owned.len(), pool.pages_over()), (4, 2));
    // A page whose memory was returned to the system is as good.
    pool.give(owned.remove(0));
    let page = pool.take_to_return().unwrap();
    pool.keep_returned(page);
    owned.extend(pool.take_exchanged());
    assert_eq!((owned.len(), pool.pages_over()), (4, 2));
    for page in owned.drain(..3) {
        pool.give(page);
    }
    assert_eq!(pool.take_exchanged(), None);
    assert!(pool.take().is_some());
}

#[test]
fn the_limit_moves_within_the_region() {
    let pool = PagePool::with_limit(Region::new(Box::new(vec![0_u8; 5 * PAGE_BYTES])), 2);
    let mut owned: Vec<Page> = core::iter::from_fn(|| pool.take()).collect();
    assert_eq!((owned.len(), pool.pages_total(), pool.pages_free()), (2, 2, 0));
    assert!(!pool.set_limit(6), "the region has five pages");
    assert!(pool.set_limit(4));
    owned.extend(core::iter::from_fn(|| pool.take()));
    assert_eq!((owned.len(), pool.pages_over()), (4, 0));
    assert!(pool.set_limit(1));
    assert_eq!((pool.pages_free(), pool.pages_over()), (0, 3));
    assert!(pool.has_to_return() && pool.take_to_return().is_none());
    for page in owned.drain(1..) {
        pool.give(page);
    }
    assert_eq!((pool.take(), pool.pages_over()), (None, 0));
    while let Some(mut page) = pool.take_to_return() {
        pool.memory(&mut page).fill(0);
        pool.keep_returned(page);
    }
    assert!(!pool.has_to_return());
    assert!(pool.set_limit(5));
    owned.extend(core::iter::from_fn(|| pool.take()));
    let mut numbers: Vec<u32> = owned.iter().map(Page::number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

/// Pages of a file have memory from the start. One that was returned is free only when it was
/// allocated again.
#[test]
fn pages_of_a_file_are_allocated_before_they_are_taken() {
    let memory = vec![0_u8; crate::region_bytes(3)];
    let pool = PagePool::with_limit(Region::with_directory(Box::new(memory), 3), 3);
    assert_eq!(pool.take().map(|page| page.number()), Some(0));
    assert!(pool.set_limit(1) && pool.has_to_return());
    while let Some(page) = pool.take_to_return() {
        pool.keep_returned(page);
    }
    assert_eq!((pool.pages_allocated(), pool.has_to_return()), (1, false));
    assert!(pool.set_limit(3));
    assert_eq!(pool.take(), None);
    let page = pool.take_to_allocate(3).unwrap();
    pool.keep_unallocated(page);
    assert_eq!((pool.take(), pool.pages_allocated()), (None, 1));
    let page = pool.take_to_allocate(2).unwrap();
    pool.keep_allocated(page);
    assert!(pool.take_to_allocate(2).is_none(), "two have memory");
    assert!(pool.take().is_some() && pool.take().is_none());
}

/// A thread that had room waited for pages that another thread was returning to the system, on
/// the core that this other thread needed.
#[test]
fn no_thread_waits_for_pages_that_are_being_returned() {
    let pool = pool(4);
    let mut owned: Vec<Page> = core::iter::from_fn(|| pool.take()).collect();
    assert!(pool.set_limit(2));
    owned.drain(1..).for_each(|page| pool.give(page));
    let being_returned: Vec<Page> = core::iter::from_fn(|| pool.take_to_return()).collect();
    assert_eq!(being_returned.len(), 2, "one is owned, and one more may be");
    owned.extend(pool.take());
    assert_eq!((owned.len(), pool.pages_free()), (2, 0));
    assert!(pool.set_limit(4));
    assert_eq!((pool.take(), pool.pages_free()), (None, 2));
    for page in being_returned {
        pool.keep_returned(page);
    }
    owned.extend(core::iter::from_fn(|| pool.take()));
    assert_eq!((owned.len(), pool.pages_free()), (4, 0));
}

#[test]
fn a_page_has_one_owner_under_contention() {
    let pool = Arc::new(pool(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                for round in 0..if cfg!(miri) { 100 } else { 5_000_u32 } {
                    if let Some(page) = pool.take() {
                        let mark = round ^ page.number();
                        pool.set_note(page.number(), mark);
                        assert_eq!(pool.note(page.number()), mark);
                        pool.give(page);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(pool.pages_free(), 4);
}
