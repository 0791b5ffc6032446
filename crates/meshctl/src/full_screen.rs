//! A terminal that a program has to itself: its keys one by one, its screen without what was there.

use std::io;
use std::mem::ManuallyDrop;

use crossterm::event::{Event, EventStream, KeyEvent, KeyEventKind};
use futures_util::StreamExt as _;
use ratatui::{DefaultTerminal, Frame};

/// The whole terminal. It is given back as it was on drop, and on a panic.
pub(crate) struct FullScreen {
    /// Never dropped: it would complain on a stderr that may be the same terminal, closed, and panic.
    terminal: ManuallyDrop<DefaultTerminal>,
    events: EventStream,
}

impl FullScreen {
    /// Takes the terminal that stdin and stdout are.
    pub(crate) fn enter() -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        Ok(Self {
            terminal: ManuallyDrop::new(terminal),
            events: EventStream::new(),
        })
    }

    /// Shows what `picture` draws; only what changed is written.
    pub(crate) fn show(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(picture).map(|_| ())
    }

    /// The next key, or `None` when something else happened that asks for a new picture, as when the
    /// terminal has another size.
    pub(crate) async fn key(&mut self) -> io::Result<Option<KeyEvent>> {
        match self.events.next().await {
            // Windows tells of keys that are let go, too.
            Some(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => Ok(Some(key)),
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Err(error),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = self.terminal.show_cursor();
        let _ = ratatui::try_restore();
    }
}
