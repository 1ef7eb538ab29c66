//! The mapping of webhook bodies to rows: by fixtures, by claims, and by random bodies.
//!
//! - `tree`: a second reader of JSON, so that the first one is not its own judge;
//! - `row`: what must hold for every row, whatever the body;
//! - `fixtures`: every body in `tests/fixtures`, against its row there;
//! - the others: one claim a test.

mod row;
mod tree;

mod fixtures;

mod columns;
mod event_id;
mod fitting;
mod odd;
mod random;
mod times;
