//! The demo: the story it tells, and the command that tells it.

mod command;
mod serve;
mod story;
