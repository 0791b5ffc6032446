//! The store from outside: what every database must do, and what a file may do to us.

mod backup;
mod contract;
mod disk;
mod durable;
mod fixture;
#[cfg(unix)]
mod postgres;
mod published;
mod refusal;
