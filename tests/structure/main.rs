//! The shape of the source tree: which crate, folder and file may use which, where methods of one
//! type call each other, which names and phrases are not used, and the countable rules of style.
//!
//! Start reading at `rules/mod.rs`. The tables of limits and exceptions are there.

mod facts;
mod graph;
mod rules;
mod search;
