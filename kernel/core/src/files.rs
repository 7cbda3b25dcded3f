//! The files of one directory: open ones are kept by name. What the system does by halves (short writes, EINTR) is
//! finished here. In which order things are done, and when they are synced, is `disk`'s.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::fs::FallocateFlags;
use rustix::io::{Errno, retry_on_intr};

use crate::pool::lock;

/// Open files that are kept for the next write or read (`limits.FILES_OPEN_MAX`).
const OPEN_MAX: usize = 64;
/// Parts of one write, the system's IOV_MAX.
const PARTS_MAX: usize = 1024;
/// What is written at once where the file system cannot reserve space.
const ZEROS_SIZE: u64 = 1 << 20;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub errno: i32,
    /// The file; empty when it is none's fault.
    pub name: String,
    /// A sync failed: what was written before may be lost.
    pub sync: bool,
}

impl Failure {
    pub fn new(error: &io::Error, name: &str) -> Failure {
        Failure { errno: errno(error), name: name.to_owned(), sync: false }
    }

    pub fn of_sync(error: &io::Error, name: &str) -> Failure {
        Failure { sync: true, ..Failure::new(error, name) }
    }

    /// Something else failed before.
    pub fn cancelled() -> Failure {
        Failure { errno: Errno::CANCELED.raw_os_error(), name: String::new(), sync: false }
    }
}

fn errno(error: &io::Error) -> i32 {
    let other = if error.kind() == io::ErrorKind::InvalidInput { Errno::INVAL } else { Errno::IO };
    error.raw_os_error().unwrap_or(other.raw_os_error())
}

/// Shared by the thread that writes and the one that reads.
pub struct Files {
    directory: PathBuf,
    /// What was used last is last.
    open: Mutex<Vec<(String, Arc<File>)>>,
}

impl Files {
    pub fn new(directory: &Path) -> io::Result<Files> {
        Ok(Files { directory: std::path::absolute(directory)?, open: Mutex::new(Vec::new()) })
    }

    /// Up to `size` bytes; fewer at the end of the file.
    pub fn read(&self, name: &str, offset: u64, size: u64) -> io::Result<Vec<u8>> {
        let file = self.file(name)?;
        let rest = file.metadata()?.len().saturating_sub(offset);
        let wanted = usize::try_from(size.min(rest)).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut data = vec![0; wanted];
        let mut filled = 0;
        while filled < wanted {
            match file.read_at(&mut data[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        data.truncate(filled);
        Ok(data)
    }

    /// Write all parts one after the other into a file that is there; on failure how many bytes were written, and why
    /// not more.
    pub fn write(&self, name: &str, offset: u64, parts: &mut [IoSlice<'_>]) -> Result<(), (u64, io::Error)> {
        let file = self.file(name).map_err(|error| (0, error))?;
        write(&file, offset, parts)
    }

    /// A new file of `size` zeros, on disk with its name. What had that name is gone: the same may be tried again.
    pub fn create(&self, name: &str, size: u64) -> Result<(), Failure> {
        let path = self.path(name);
        let failed = |error: &io::Error| Failure::new(error, name);
        if fs::exists(&path).map_err(|e| failed(&e))? {
            self.remove(name)?;
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path).map_err(|e| failed(&e))?;
        let made = reserve(&file, 0, size)
            .map_err(|error| failed(&error))
            .and_then(|()| file.sync_all().map_err(|error| Failure::of_sync(&error, name)));
        if made.is_err() {
            let _ = fs::remove_file(&path); // so that the same can be tried again
        }
        made.and_then(|()| self.sync_directory(parent(name)))
    }

    /// Zeros from `size` to `full`, on disk.
    pub fn cut(&self, name: &str, size: u64, full: u64) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::new(&error, name);
        let file = self.file(name).map_err(failed)?;
        // In place where there is something: space that was given back might not be had again.
        let there = file.metadata().map_err(failed)?.len().min(full);
        write_zeros(&file, size, there.saturating_sub(size)).map_err(failed)?;
        file.set_len(there.max(size)).map_err(failed)?;
        reserve(&file, there.max(size), full.saturating_sub(there.max(size))).map_err(failed)?;
        file.sync_all().map_err(|error| Failure::of_sync(&error, name))
    }

    /// Neither is on disk before `sync_directory` of both directories.
    pub fn rename(&self, old: &str, new: &str) -> Result<(), Failure> {
        let mut open = lock(&self.open);
        fs::rename(self.path(old), self.path(new)).map_err(|error| Failure::new(&error, old))?;
        open.retain(|(name, _)| name != old && name != new);
        Ok(())
    }

    /// Not on disk before `sync_directory`.
    pub fn remove(&self, name: &str) -> Result<(), Failure> {
        let mut open = lock(&self.open);
        match fs::remove_file(self.path(name)) {
            // It may be tried again after a failure behind it.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Failure::new(&error, name)),
            _ => {}
        }
        open.retain(|(kept, _)| kept != name); // an open file that is no more would keep its space
        Ok(())
    }

    /// All or nothing of `data` is seen under that name, and on disk.
    pub fn replace(&self, name: &str, data: &[u8]) -> Result<(), Failure> {
        let new = self.path(&format!("{name}.new"));
        let made = self.write_new(&new, data, name).and_then(|()| {
            let mut open = lock(&self.open);
            fs::rename(&new, self.path(name)).map_err(|error| Failure::new(&error, name))?;
            open.retain(|(kept, _)| kept != name);
            Ok(())
        });
        if made.is_err() {
            let _ = fs::remove_file(&new);
        }
        made.and_then(|()| self.sync_directory(parent(name)))
    }

    fn write_new(&self, path: &Path, data: &[u8], name: &str) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::new(&error, name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed)?;
        write(&file, 0, &mut [IoSlice::new(data)]).map_err(|(_, error)| failed(error))?;
        file.sync_all().map_err(|error| Failure::of_sync(&error, name))
    }

    /// The data of a file (and of its metadata what finds them).
    pub fn sync(&self, name: &str) -> Result<(), Failure> {
        let file = self.file(name).map_err(|error| Failure::new(&error, name))?;
        file.sync_data().map_err(|error| Failure::of_sync(&error, name))
    }

    /// Names in a directory.
    pub fn sync_directory(&self, name: &str) -> Result<(), Failure> {
        let directory = File::open(self.path(name)).map_err(|error| Failure::new(&error, name))?;
        directory.sync_all().map_err(|error| Failure::of_sync(&error, name))
    }

    fn file(&self, name: &str) -> io::Result<Arc<File>> {
        let mut open = lock(&self.open);
        let found = match open.iter().rposition(|(kept, _)| kept == name) {
            Some(index) => open.remove(index),
            None => {
                let file = OpenOptions::new().read(true).write(true).open(self.path(name))?;
                if open.len() == OPEN_MAX {
                    open.remove(0);
                }
                (name.to_owned(), Arc::new(file))
            }
        };
        let file = Arc::clone(&found.1);
        open.push(found);
        Ok(file)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The directory of a name; empty when that is the one of all these files.
pub fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(directory, _)| directory)
}

fn write(file: &File, offset: u64, mut parts: &mut [IoSlice<'_>]) -> Result<(), (u64, io::Error)> {
    let mut written = 0;
    IoSlice::advance_slices(&mut parts, 0); // empty parts in front
    while !parts.is_empty() {
        let batch = &parts[..parts.len().min(PARTS_MAX)];
        match retry_on_intr(|| rustix::io::pwritev(file, batch, offset + written)) {
            Ok(0) => return Err((written, Errno::IO.into())),
            Ok(count) => {
                written += count as u64;
                IoSlice::advance_slices(&mut parts, count);
            }
            Err(error) => return Err((written, error.into())),
        }
    }
    Ok(())
}

/// Zeros for which there is space.
fn reserve(file: &File, offset: u64, size: u64) -> io::Result<()> {
    if size == 0 {
        return Ok(());
    }
    match retry_on_intr(|| rustix::fs::fallocate(file, FallocateFlags::empty(), offset, size)) {
        Err(Errno::OPNOTSUPP) => write_zeros(file, offset, size),
        result => Ok(result?),
    }
}

fn write_zeros(file: &File, offset: u64, size: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS_SIZE as usize];
    let mut done = 0;
    while done < size {
        let count = (size - done).min(ZEROS_SIZE);
        write(file, offset + done, &mut [IoSlice::new(&zeros[..count as usize])]).map_err(|(_, error)| error)?;
        done += count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a file system cannot reserve space; the rest is tested from Python.
    #[test]
    fn zeros_can_be_written() {
        let path = std::env::temp_dir().join(format!("leveret-zeros-{}", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        write_zeros(&file, 5, ZEROS_SIZE + 7).unwrap();
        assert_eq!(fs::read(&path).unwrap(), vec![0; ZEROS_SIZE as usize + 12]);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn directories_of_names() {
        assert_eq!([parent("a"), parent("log/a"), parent("log/b/a")], ["", "log", "log/b"]);
    }
}
