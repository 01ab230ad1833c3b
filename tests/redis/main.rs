//! Redis' dialect: the same commands to slabcore and to a real redis-server, and what slabcore does
//! beyond that.

mod comparison;
mod connections;
mod generated;
mod messages;
mod scripts;
mod sessions;
