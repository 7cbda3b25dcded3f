//! Files of one directory, written and read by two threads of their own: nobody else waits for a disk.
//!
//! ```text
//! submit -> queue -> writer: all that waits: ops in order, adjacent writes joined; one sync -+-> completions, eventfd
//! read   -> queue -> reader: one by one, so that no read waits behind a sync ---------------+
//! ```
//!
//! The first failure cancels all that follows until it is resumed; a failed sync, for good. Buffers come back with the
//! completion, so that whoever owns them lets go of them.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use rustix::event::{EventfdFlags, eventfd};

use crate::files::{Failure, Files, parent};
use crate::pool::lock;

/// What is done to a file; names are relative to the directory.
pub enum Op<B> {
    Write { name: String, offset: u64, parts: Vec<B> },
    Create { name: String, size: u64 },
    Cut { name: String, size: u64, full: u64 },
    Rename { old: String, new: String },
    Remove { name: String },
    Replace { name: String, data: B },
}

pub struct Batch<B> {
    pub ticket: u64,
    pub ops: Vec<Op<B>>,
    pub sync: bool,
}

pub struct Read {
    pub ticket: u64,
    pub name: String,
    pub offset: u64,
    pub size: u64,
}

enum Request<B> {
    Batch(Batch<B>),
    Resume,
}

pub enum Done<B> {
    Batch(Batch<B>, Result<(), Failure>),
    Read(u64, Result<Vec<u8>, Failure>),
}

/// Nothing can be asked of a disk that was closed.
#[derive(Debug)]
pub struct Closed;

/// What threads hand back.
struct Completions<B> {
    done: Mutex<VecDeque<Done<B>>>,
    event: OwnedFd,
}

impl<B> Completions<B> {
    fn add(&self, done: impl IntoIterator<Item = Done<B>>) {
        lock(&self.done).extend(done);
        // It fails only when the counter is full, and then it is readable.
        let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
    }
}

struct Threads<B> {
    batches: Sender<Request<B>>,
    reads: Sender<Read>,
    handles: [JoinHandle<()>; 2],
}

pub struct Disk<B> {
    completions: Arc<Completions<B>>,
    /// None after `close`. Dropped without it, they end by themselves when what was submitted is done.
    threads: Mutex<Option<Threads<B>>>,
}

impl<B: AsRef<[u8]> + Send + 'static> Disk<B> {
    pub fn new(directory: &Path) -> io::Result<Disk<B>> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let completions = Arc::new(Completions { done: Mutex::default(), event });
        let files = Arc::new(Files::new(directory)?);
        let (batches, batch_queue) = channel();
        let (reads, read_queue) = channel();
        let writer = Writer {
            files: Arc::clone(&files),
            unsynced: BTreeSet::new(),
            changed: BTreeSet::new(),
            state: State::Running,
        };
        let (writes_done, reads_done) = (Arc::clone(&completions), Arc::clone(&completions));
        let handles = [
            Builder::new().name("disk".into()).spawn(move || write_all(&batch_queue, writer, &writes_done))?,
            Builder::new().name("disk reads".into()).spawn(move || read_all(&read_queue, &files, &reads_done))?,
        ];
        Ok(Disk { completions, threads: Mutex::new(Some(Threads { batches, reads, handles })) })
    }

    pub fn submit(&self, batch: Batch<B>) -> Result<(), Closed> {
        self.send(|threads| threads.batches.send(Request::Batch(batch)).is_ok())
    }

    pub fn resume(&self) -> Result<(), Closed> {
        self.send(|threads| threads.batches.send(Request::Resume).is_ok())
    }

    pub fn read(&self, read: Read) -> Result<(), Closed> {
        self.send(|threads| threads.reads.send(read).is_ok())
    }

    /// What is complete. What comes to it meanwhile makes the descriptor readable again.
    pub fn poll(&self) -> VecDeque<Done<B>> {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.completions.event, &mut count); // fails when there is nothing
        std::mem::take(&mut *lock(&self.completions.done))
    }

    /// Readable while something is complete.
    pub fn event(&self) -> RawFd {
        self.completions.event.as_fd().as_raw_fd()
    }

    /// Wait for what was submitted.
    pub fn close(&self) {
        let Some(Threads { batches, reads, handles }) = lock(&self.threads).take() else { return };
        drop((batches, reads));
        for handle in handles {
            // A thread that panicked has said so already.
            let _ = handle.join();
        }
    }

    fn send(&self, send: impl FnOnce(&Threads<B>) -> bool) -> Result<(), Closed> {
        if lock(&self.threads).as_ref().is_some_and(send) { Ok(()) } else { Err(Closed) }
    }
}

fn write_all<B: AsRef<[u8]>>(queue: &Receiver<Request<B>>, mut writer: Writer, completions: &Completions<B>) {
    while let Ok(first) = queue.recv() {
        completions.add(writer.execute(std::iter::once(first).chain(queue.try_iter()).collect()));
    }
}

fn read_all<B>(queue: &Receiver<Read>, files: &Files, completions: &Completions<B>) {
    for Read { ticket, name, offset, size } in queue {
        let found = files.read(&name, offset, size).map_err(|error| Failure::new(&error, &name));
        completions.add([Done::Read(ticket, found)]);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// Until it is resumed.
    Failed,
    /// A sync failed: what is on disk is not known any more.
    Lost,
}

/// Executes batches.
struct Writer {
    files: Arc<Files>,
    /// Written since the last sync. Names, not open files: where nobody ever syncs there may be many.
    unsynced: BTreeSet<String>,
    /// Directories in which something was renamed or removed since the last sync.
    changed: BTreeSet<String>,
    state: State,
}

/// Adjacent writes that are not written yet.
#[derive(Default)]
struct Run<'a> {
    name: &'a str,
    offset: u64,
    size: u64,
    parts: Vec<IoSlice<'a>>,
    /// Per write: which batch it is of, and the size of the run up to its end.
    ends: Vec<(usize, u64)>,
}

impl Writer {
    /// All of these, with one sync for those that ask for it.
    fn execute<B: AsRef<[u8]>>(&mut self, requests: Vec<Request<B>>) -> Vec<Done<B>> {
        let mut outcomes: Vec<Result<(), Failure>> = Vec::new();
        let mut run = Run::default();
        for request in &requests {
            match request {
                Request::Resume => {
                    self.flush(&mut run, &mut outcomes);
                    if self.state == State::Failed {
                        self.state = State::Running;
                    }
                }
                Request::Batch(batch) => {
                    outcomes.push(Ok(()));
                    self.apply(&batch.ops, &mut run, &mut outcomes);
                }
            }
        }
        self.flush(&mut run, &mut outcomes);
        drop(run);
        let batches = requests.into_iter().filter_map(|request| match request {
            Request::Batch(batch) => Some(batch),
            Request::Resume => None,
        });
        let mut synced = None;
        batches
            .zip(outcomes)
            .map(|(batch, outcome)| match outcome {
                Ok(()) if batch.sync => {
                    let outcome = synced.get_or_insert_with(|| self.sync()).clone();
                    Done::Batch(batch, outcome)
                }
                outcome => Done::Batch(batch, outcome),
            })
            .collect()
    }

    /// The ops of the last batch.
    fn apply<'a, B: AsRef<[u8]>>(&mut self, ops: &'a [Op<B>], run: &mut Run<'a>, outcomes: &mut [Result<(), Failure>]) {
        let index = outcomes.len() - 1;
        if self.state != State::Running {
            outcomes[index] = Err(Failure::cancelled());
            return;
        }
        for op in ops {
            let done = match op {
                Op::Write { name, offset, parts } => {
                    if name != run.name || *offset != run.offset + run.size {
                        self.flush(run, outcomes);
                        (run.name, run.offset) = (name, *offset);
                    }
                    for part in parts {
                        let part = part.as_ref();
                        run.size += part.len() as u64;
                        run.parts.push(IoSlice::new(part));
                    }
                    run.ends.push((index, run.size));
                    Ok(())
                }
                op => {
                    self.flush(run, outcomes);
                    if self.state == State::Running { self.apply_other(op) } else { Ok(()) }
                }
            };
            if let Err(failure) = done {
                self.fail(&failure);
                outcomes[index] = Err(failure);
            }
            if self.state != State::Running {
                *run = Run::default(); // what follows a failure is not written
                return;
            }
        }
    }

    fn apply_other<B: AsRef<[u8]>>(&mut self, op: &Op<B>) -> Result<(), Failure> {
        match op {
            Op::Write { .. } => unreachable!("writes are joined"),
            Op::Create { name, size } => self.files.create(name, *size),
            Op::Cut { name, size, full } => self.files.cut(name, *size, *full),
            Op::Rename { old, new } => {
                self.files.rename(old, new)?;
                let unsynced = self.unsynced.remove(old);
                self.unsynced.remove(new);
                if unsynced {
                    self.unsynced.insert(new.clone());
                }
                self.changed.extend([parent(old).to_owned(), parent(new).to_owned()]);
                Ok(())
            }
            Op::Remove { name } => {
                self.files.remove(name)?;
                self.unsynced.remove(name);
                self.changed.insert(parent(name).to_owned());
                Ok(())
            }
            Op::Replace { name, data } => {
                self.files.replace(name, data.as_ref())?;
                self.unsynced.remove(name);
                Ok(())
            }
        }
    }

    /// Write the run. On failure it fails the batch whose bytes were next, and cancels those behind it: so far these
    /// consist of nothing but later parts of the run.
    fn flush(&mut self, run: &mut Run<'_>, outcomes: &mut [Result<(), Failure>]) {
        let Run { name, offset, mut parts, ends, .. } = std::mem::take(run);
        if ends.is_empty() {
            return;
        }
        let result = self.files.write(name, offset, &mut parts);
        let nothing = matches!(result, Err((0, _))); // the file may not even be there
        if !nothing && !self.unsynced.contains(name) {
            self.unsynced.insert(name.to_owned());
        }
        if let Err((written, error)) = result {
            let (failed, _) = ends.iter().copied().find(|(_, end)| *end > written).unwrap_or(ends[0]);
            let failure = Failure::new(&error, name);
            self.fail(&failure);
            outcomes[failed] = Err(failure);
            outcomes[failed + 1..].fill(Err(Failure::cancelled()));
        }
    }

    /// Everything since the last sync. Files first: one that is renamed when it is whole has to be whole.
    fn sync(&mut self) -> Result<(), Failure> {
        let files = self.unsynced.iter().try_for_each(|name| self.files.sync(name));
        let all = files.and_then(|()| self.changed.iter().try_for_each(|name| self.files.sync_directory(name)));
        match &all {
            Ok(()) => {
                self.unsynced.clear();
                self.changed.clear();
            }
            Err(failure) => self.fail(failure),
        }
        all
    }

    fn fail(&mut self, failure: &Failure) {
        if failure.sync {
            self.state = State::Lost;
        } else if self.state == State::Running {
            self.state = State::Failed;
        }
    }
}
