//! Wakes those who wait for something: for news of a job, or for work.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// How many requests may wait in one room.
const SEATS: usize = 4096;

/// Too many requests wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Crowded {
    #[error("{SEATS} requests wait for {0} already")]
    Everywhere(&'static str),
    #[error("{1} requests wait for this {0} already")]
    Here(&'static str, usize),
}

/// A room with one bell per thing that somebody waits for, and none for any other.
#[derive(Debug)]
pub(crate) struct Bells {
    /// What is waited for: one, and several.
    names: (&'static str, &'static str),
    /// How many may wait for the same thing.
    seats: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    bells: HashMap<Box<str>, Bell>,
    taken: usize,
}

#[derive(Debug, Default)]
struct Bell {
    notify: Arc<Notify>,
    seats: usize,
}

impl Bells {
    /// By job, those who want to know how it goes on.
    pub(crate) fn of_jobs() -> Self {
        Self::new(("job", "jobs"), 256)
    }

    /// By capability, those who want work.
    pub(crate) fn of_capabilities() -> Self {
        Self::new(("capability", "work"), 1024)
    }

    fn new(names: (&'static str, &'static str), seats: usize) -> Self {
        Self {
            names,
            seats,
            table: Mutex::default(),
        }
    }

    /// Takes a seat beside the bell of `thing`.
    pub(crate) fn sit<'a>(&'a self, thing: &'a str) -> Result<Seat<'a>, Crowded> {
        let mut table = self.table();
        if table.taken >= SEATS {
            return Err(Crowded::Everywhere(self.names.1));
        }
        let seats = table.bells.get(thing).map_or(0, |bell| bell.seats);
        if seats >= self.seats {
            return Err(Crowded::Here(self.names.0, self.seats));
        }
        table.taken += 1;
        let bell = table.bells.entry(thing.into()).or_default();
        bell.seats += 1;
        Ok(Seat {
            bells: self,
            thing,
            notify: bell.notify.clone(),
        })
    }

    /// Wakes everybody who waits for `thing`.
    pub(crate) fn ring(&self, thing: &str) {
        if let Some(bell) = self.table().bells.get(thing) {
            bell.notify.notify_waiters();
        }
    }

    /// Wakes one of those who wait for `thing`. If all of them are looking for it just now, the next
    /// one who waits is woken at once.
    pub(crate) fn call(&self, thing: &str) {
        if let Some(bell) = self.table().bells.get(thing) {
            bell.notify.notify_one();
        }
    }

    /// Wakes one at every bell.
    pub(crate) fn call_everywhere(&self) {
        for bell in self.table().bells.values() {
            bell.notify.notify_one();
        }
    }

    /// How many seats are taken.
    pub(crate) fn waiting(&self) -> usize {
        self.table().taken
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Every change leaves the table whole, so a panic elsewhere does not spoil it.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place to wait; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    bells: &'a Bells,
    thing: &'a str,
    notify: Arc<Notify>,
}

impl Seat<'_> {
    /// Resolves when the bell rings after this call, whether or not it was polled by then; when one is
    /// called, those who were polled come first.
    pub(crate) fn rung(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut table = self.bells.table();
        table.taken -= 1;
        if let Some(bell) = table.bells.get_mut(self.thing) {
            bell.seats -= 1;
            if bell.seats == 0 {
                table.bells.remove(self.thing);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_makes_room_and_nothing_stays_behind() {
        let bells = Bells::of_jobs();
        let crowd: Vec<_> = (0..256).map(|_| bells.sit("a").unwrap()).collect();
        assert_eq!(bells.sit("a").unwrap_err(), Crowded::Here("job", 256));
        assert!(bells.sit("b").is_ok());
        drop(crowd);
        assert!(bells.sit("a").is_ok());
        let table = bells.table();
        assert_eq!((table.bells.len(), table.taken), (0, 0));
    }

    #[test]
    fn the_whole_house_has_an_end_too() {
        let bells = Bells::of_capabilities();
        let jobs: Vec<_> = (0..SEATS).map(|number| number.to_string()).collect();
        let crowd: Vec<_> = jobs.iter().map(|job| bells.sit(job).unwrap()).collect();
        assert_eq!(bells.sit("x").unwrap_err(), Crowded::Everywhere("work"));
        drop(crowd);
        assert!(bells.sit("x").is_ok());
    }

    #[tokio::test]
    async fn a_ring_before_the_first_poll_is_heard() {
        let bells = Bells::of_jobs();
        let seat = bells.sit("a").unwrap();
        let rung = seat.rung();
        bells.ring("a");
        rung.await;
    }

    #[tokio::test]
    async fn a_call_wakes_one_and_whoever_leaves_instead_passes_it_on() {
        let bells = Bells::of_capabilities();
        let seats = [(); 2].map(|()| bells.sit("a").unwrap());
        let [mut first, mut second] = seats.each_ref().map(|seat| Box::pin(seat.rung()));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        bells.call("a");
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        second.await;
    }

    #[tokio::test]
    async fn a_call_that_finds_nobody_waiting_is_kept_for_the_next() {
        let bells = Bells::of_capabilities();
        let seat = bells.sit("a").unwrap();
        bells.call_everywhere();
        seat.rung().await;
    }
}
