//! The two programs as processes: Cargo offers their paths to this package only.

mod crash;
