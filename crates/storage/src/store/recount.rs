//! The recount: checks all counts and links of a store against its memory.

use alloc::{string::String, vec::Vec};

use crate::memory::region::Location;
use crate::store::store::Store;

impl Store {
    /// Recounts everything. `Err` names the first thing that is wrong. O(n), for tests.
    pub fn check(&self) -> Result<(), String> {
        let moves = self.allocation.moves();
        let held: Vec<Location> = self.holds.items().collect();
        let is_swept = |page| self.eviction().is_swept(page);
        self.items().recount(&held, self.reservations, is_swept)?;
        let drained = self.items().slabs().draining_page();
        if let Some(page) = drained.filter(|_| !moves.is_moving_page()) {
            return Err(alloc::format!("page {page:?} is drained for nobody"));
        }
        let stock = &self.items().slabs().stock;
        if stock.saved_record().is_some_and(|record| record.pages != stock.noted_pages()) {
            return Err(String::from("the record is that of other pages"));
        }
        Ok(())
    }
}
