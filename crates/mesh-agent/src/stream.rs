//! A call of a tool that says things before it ends.

use std::fmt;
use std::sync::Arc;

use mesh_client::mcp::{McpCaller, Said, ToolOutcome};
use tokio::runtime;
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;

use crate::call::{Completion, outcome, request};
use crate::{Call, CallError};

/// How many pieces are read ahead of whoever listens; then the tool's connection fills up, and the tool
/// waits.
const AHEAD: usize = 16;

/// What a streaming tool says next.
#[derive(Debug, Clone)]
pub enum Streamed {
    /// A piece of its text.
    Chunk(String),
    /// Its result; nothing follows.
    End(ToolOutcome),
}

type Pieces = mpsc::Receiver<Result<Streamed, CallError>>;

/// A call under way; dropping it gives it up.
pub struct CallStream {
    pieces: Arc<Mutex<Pieces>>,
    task: AbortHandle,
    runtime: runtime::Handle,
}

impl fmt::Debug for CallStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallStream").finish_non_exhaustive()
    }
}

impl CallStream {
    pub(crate) fn start(caller: McpCaller, call: Call, runtime: &runtime::Handle) -> Self {
        let (sender, pieces) = mpsc::channel(AHEAD);
        let task = runtime.spawn(async move {
            if let Err(error) = read(&caller, call, &sender).await {
                let _nobody_listens = sender.send(Err(error)).await;
            }
        });
        Self {
            pieces: Arc::new(Mutex::new(pieces)),
            task: task.abort_handle(),
            runtime: runtime.clone(),
        }
    }

    /// Hands the next piece to `done`: at once, on this thread, if it is there, else on the runtime's
    /// when it comes. Behind the end, behind an error and when the call was given up there is
    /// [`CallError::Cancelled`].
    pub fn next<F>(&self, done: F)
    where
        F: FnOnce(Result<Streamed, CallError>) + Send + 'static,
    {
        let ready = self.pieces.try_lock().ok();
        if let Some(piece) = ready.and_then(|mut pieces| pieces.try_recv().ok()) {
            return done(piece);
        }
        let completion = Completion::new(done);
        let pieces = Arc::clone(&self.pieces);
        self.runtime.spawn(async move {
            let piece = pieces.lock().await.recv().await;
            completion.finish(piece.unwrap_or(Err(CallError::Cancelled)));
        });
    }

    /// Gives the call up and closes its connection.
    pub fn close(&self) {
        self.task.abort();
    }
}

impl Drop for CallStream {
    fn drop(&mut self) {
        self.close();
    }
}

/// Reads until the end, which is the last piece.
async fn read(
    caller: &McpCaller,
    call: Call,
    pieces: &mpsc::Sender<Result<Streamed, CallError>>,
) -> Result<(), CallError> {
    let call = request(call);
    let mut stream = caller.stream_tool(&call).await?;
    while let Some(said) = stream.next().await? {
        let piece = match said {
            Said::Chunk(text) => Streamed::Chunk(text),
            Said::End(reply) => Streamed::End(outcome(&reply, &call)?),
        };
        if pieces.send(Ok(piece)).await.is_err() {
            break; // Nobody listens any more.
        }
    }
    Ok(())
}
