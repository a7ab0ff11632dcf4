//! A dump read by another process: the root part opens the file and hears frames, the [`worker`] unpacks and cuts.

pub mod frame;
pub mod worker;

use std::fs::File;
use std::io::BufReader;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::census::Wanted;
use super::error::ImportError;
use super::survey::Survey;
use crate::system::process::{Invocation, Running};
use frame::{Batch, Frame};

/// A worker that has closed its pipe has nothing left to do.
const END_LIMIT: Duration = Duration::from_secs(10);
/// One batch fits: the worker goes on cutting while the server works.
const PIPE_BYTES: usize = 1 << 20;

/// What the worker is asked for: its one argument, as JSON.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Order {
    /// The dump's name for messages.
    pub name: String,
    /// Which database's pieces are wanted.
    pub wanted: Wanted,
    /// Whether the pieces are to be sent, or only counted.
    pub send: bool,
    /// uid = gid to become; none where the caller is not root.
    pub user: Option<u32>,
}

/// The program that reads dumps, and as whom.
#[derive(Debug, Clone)]
pub struct Reader {
    /// `posto` itself.
    pub program: PathBuf,
    /// uid = gid of its worker.
    pub user: Option<u32>,
}

/// For the side that sends to the server.
#[derive(Debug)]
pub enum Message {
    /// To be sent.
    Send(Batch),
    /// What was sent is to be thrown away.
    BeginAgain,
}

/// A reading about to begin.
#[derive(Debug)]
pub struct Reading {
    /// The dump's name for messages.
    pub name: String,
    /// Packed size; unknown for a stream.
    pub size_bytes: Option<u64>,
    /// Packed bytes read so far, shared with whoever shows progress.
    pub taken: Arc<AtomicU64>,
    file: OwnedFd,
}

impl Reading {
    /// Opens a file, or standard input for `-`. Reads nothing.
    ///
    /// # Errors
    /// [`ImportError::Read`].
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let stream = path == Path::new("-");
        let name = if stream {
            "standard input".to_string()
        } else {
            path.display().to_string()
        };
        let failed = |source| ImportError::Read {
            file: name.clone(),
            source,
        };
        let (file, size_bytes) = if stream {
            let input = rustix::io::dup(rustix::stdio::stdin());
            (input.map_err(|error| failed(error.into()))?, None)
        } else {
            let file = File::open(path).map_err(failed)?;
            let meta = file.metadata().map_err(failed)?;
            if meta.is_dir() {
                return Err(failed(std::io::ErrorKind::IsADirectory.into()));
            }
            let size = meta.is_file().then_some(meta.len());
            (OwnedFd::from(file), size)
        };
        Ok(Self {
            name,
            size_bytes,
            taken: Arc::default(),
            file,
        })
    }

    /// Starts the worker. Pieces go to `sender`, if there is one.
    ///
    /// # Errors
    /// [`ImportError::Process`].
    pub fn begin(
        self,
        reader: &Reader,
        wanted: Wanted,
        sender: Option<mpsc::Sender<Message>>,
    ) -> Result<UnderWay, ImportError> {
        let order = Order {
            name: self.name,
            wanted,
            send: sender.is_some(),
            user: reader.user,
        };
        let order =
            serde_json::to_string(&order).map_err(|e| ImportError::Server(e.to_string()))?;
        let mut running = Invocation::new(&reader.program)
            .args(["unit", "read-dump", &order])
            .in_directory("/")
            .stdin_from(self.file)
            .piped_stdout()
            .spawn()?;
        let output = running.stdout().ok_or_else(silent)?;
        // Best effort: with the kernel's default it is only slower.
        let _ = rustix::pipe::fcntl_setpipe_size(&output, PIPE_BYTES);
        let (done, ended) = oneshot::channel();
        let taken = self.taken;
        // Not joined: it ends with the worker's pipe, and dropping `running` kills the worker.
        std::thread::spawn(move || {
            // Nobody waits for it any more: the import has stopped.
            done.send(pass_on(output, &taken, sender.as_ref())).ok();
        });
        Ok(UnderWay { running, ended })
    }
}

/// A reading under way. Dropping it kills the worker.
#[derive(Debug)]
pub struct UnderWay {
    running: Running,
    ended: oneshot::Receiver<Result<Option<Survey>, ImportError>>,
}

impl UnderWay {
    /// What the worker found, once it has read all.
    ///
    /// # Errors
    /// What is wrong with the dump; [`ImportError::Process`] when the worker died (out of its memory, say).
    pub async fn survey(mut self) -> Result<Survey, ImportError> {
        if let Some(survey) = self.ended.await.map_err(|_| silent())?? {
            return Ok(survey);
        }
        self.running.wait(END_LIMIT)?;
        Err(silent())
    }
}

fn silent() -> ImportError {
    ImportError::Server("the reader ended without a word".to_string())
}

fn pass_on(
    output: ChildStdout,
    taken: &AtomicU64,
    sender: Option<&mpsc::Sender<Message>>,
) -> Result<Option<Survey>, ImportError> {
    let mut output = BufReader::with_capacity(64 << 10, output);
    loop {
        let said = frame::read(&mut output)
            .map_err(|error| ImportError::Server(format!("the reader's pipe: {error}")))?;
        let message = match said {
            None => return Ok(None),
            Some(Frame::Taken(bytes)) => {
                taken.store(bytes, Ordering::Relaxed);
                continue;
            }
            Some(Frame::Done(survey)) => return Ok(Some(*survey)),
            Some(Frame::Failed(error)) => return Err(*error),
            Some(Frame::BeginAgain) => Message::BeginAgain,
            Some(Frame::Batch(batch)) => Message::Send(batch),
        };
        // A closed channel: the other side has failed and says why.
        match sender {
            Some(sender) => sender
                .blocking_send(message)
                .map_err(|_| ImportError::Interrupted)?,
            None => {
                return Err(ImportError::Server(
                    "the reader sent what nobody asked for".to_string(),
                ));
            }
        }
    }
}
