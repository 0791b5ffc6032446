//! What the operating system tells of changed files: a reason to look, and nothing more.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::sources::Sources;

/// How often files are looked at where the system does not tell of all changes.
const POLL: Duration = Duration::from_secs(1);

/// Wakes whoever waits for changes of some sources.
pub(super) struct Notices {
    system: Option<RecommendedWatcher>,
    followed: BTreeSet<PathBuf>,
    bell: Arc<Notify>,
    /// Whether changes may happen that nobody tells of.
    is_partial: bool,
}

impl Notices {
    pub(super) fn of(sources: &Sources) -> Self {
        let bell = Arc::new(Notify::new());
        let (ring, concerned) = (Arc::clone(&bell), sources.clone());
        let system = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let matters = event.is_ok_and(|event| matters(&event, &concerned));
            if matters {
                ring.notify_one();
            }
        });
        let mut notices = Self {
            // Kqueue tells of the entries of a folder, not of what is written to them.
            is_partial: system.is_err() || cfg!(target_os = "macos"),
            system: system.ok(),
            followed: BTreeSet::new(),
            bell,
        };
        notices.follow(sources);
        notices
    }

    /// Listens to folders that came since.
    pub(super) fn follow(&mut self, sources: &Sources) {
        let Some(system) = &mut self.system else {
            return;
        };
        let folders: BTreeSet<PathBuf> = sources.folders().into_iter().collect();
        // One that went and came back is another.
        self.followed.retain(|folder| folders.contains(folder));
        for folder in folders {
            if self.followed.contains(&folder) {
                continue;
            }
            // One by one, so that an environment with its thousands of folders costs nothing.
            match system.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.followed.insert(folder);
                }
                // The system's limit, most likely.
                Err(_) => self.is_partial = true,
            }
        }
    }

    /// Returns when something may have changed.
    pub(super) async fn changed(&self) {
        if self.is_partial {
            tokio::select! {
                () = self.bell.notified() => {}
                () = sleep(POLL) => {}
            }
        } else {
            self.bell.notified().await;
        }
    }
}

/// Looking at files is an event, too.
fn matters(event: &Event, sources: &Sources) -> bool {
    let is_look = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    };
    !is_look && (event.need_rescan() || event.paths.iter().any(|path| sources.may_concern(path)))
}
