//! Requests of the Redis dialect on one shard: replies, counts, limits, large values, and items
//! that both dialects use.

mod counts;
mod dialects;
mod fixture;
mod large_values;
mod limits;
mod operations;
