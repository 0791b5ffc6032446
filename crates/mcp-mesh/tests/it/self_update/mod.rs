//! `meshctl self update`: its parts in this process, with a key of the test's own and real installers,
//! and the command as users have it.

mod command;
mod failures;
mod forgeries;
mod stand;
mod updates;
