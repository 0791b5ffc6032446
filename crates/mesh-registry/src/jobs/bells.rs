//! Wakes those who wait for a job.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// How many requests may wait in all.
const SEATS: usize = 4096;
/// How many requests may wait for one job.
const SEATS_PER_JOB: usize = 256;

/// Too many requests wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Crowded {
    #[error("{SEATS} requests wait for events already")]
    Everywhere,
    #[error("{SEATS_PER_JOB} requests wait for events of this job already")]
    Job,
}

/// One bell per job that somebody waits for, and none for any other.
#[derive(Debug, Default)]
pub(crate) struct Bells(Mutex<Table>);

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
    /// Takes a seat beside the bell of `job`.
    pub(crate) fn sit<'a>(&'a self, job: &'a str) -> Result<Seat<'a>, Crowded> {
        let mut table = self.table();
        if table.taken >= SEATS {
            return Err(Crowded::Everywhere);
        }
        let seats = table.bells.get(job).map_or(0, |bell| bell.seats);
        if seats >= SEATS_PER_JOB {
            return Err(Crowded::Job);
        }
        table.taken += 1;
        let bell = table.bells.entry(job.into()).or_default();
        bell.seats += 1;
        Ok(Seat {
            bells: self,
            job,
            notify: bell.notify.clone(),
        })
    }

    /// Wakes whoever waits for `job`.
    pub(crate) fn ring(&self, job: &str) {
        if let Some(bell) = self.table().bells.get(job) {
            bell.notify.notify_waiters();
        }
    }

    /// How many seats are taken.
    pub(crate) fn waiting(&self) -> usize {
        self.table().taken
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Every change leaves the table whole, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place to wait; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    bells: &'a Bells,
    job: &'a str,
    notify: Arc<Notify>,
}

impl Seat<'_> {
    /// Resolves when the bell rings after this call, whether or not it was polled by then.
    pub(crate) fn rung(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut table = self.bells.table();
        table.taken -= 1;
        if let Some(bell) = table.bells.get_mut(self.job) {
            bell.seats -= 1;
            if bell.seats == 0 {
                table.bells.remove(self.job);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_makes_room_and_nothing_stays_behind() {
        let bells = Bells::default();
        let crowd: Vec<_> = (0..SEATS_PER_JOB)
            .map(|_| bells.sit("a").unwrap())
            .collect();
        assert_eq!(bells.sit("a").unwrap_err(), Crowded::Job);
        assert!(bells.sit("b").is_ok());
        drop(crowd);
        assert!(bells.sit("a").is_ok());
        let table = bells.table();
        assert_eq!((table.bells.len(), table.taken), (0, 0));
    }

    #[test]
    fn the_whole_house_has_an_end_too() {
        let bells = Bells::default();
        let jobs: Vec<_> = (0..SEATS).map(|number| number.to_string()).collect();
        let crowd: Vec<_> = jobs.iter().map(|job| bells.sit(job).unwrap()).collect();
        assert_eq!(bells.sit("x").unwrap_err(), Crowded::Everywhere);
        drop(crowd);
        assert!(bells.sit("x").is_ok());
    }

    #[tokio::test]
    async fn a_ring_before_the_first_poll_is_heard() {
        let bells = Bells::default();
        let seat = bells.sit("a").unwrap();
        let rung = seat.rung();
        bells.ring("a");
        rung.await;
    }
}
