//! Disks. Neither of their threads knows Python: buffers come back with what is complete, and go when it is polled.

use std::path::PathBuf;

use leveret_core::disk::{Batch, Closed, Disk as Core, Done, Op, Read};
use leveret_core::files::Failure;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyList, PyTuple};

pyo3::import_exception!(leveret.errors, SyncError);

#[pyclass(frozen, module = "leveret._kernel")]
pub struct Disk(Core<PyBackedBytes>);

#[pymethods]
impl Disk {
    #[new]
    fn new(directory: PathBuf) -> PyResult<Disk> {
        Ok(Disk(Core::new(&directory)?))
    }

    fn submit(&self, ticket: u64, ops: &Bound<'_, PyAny>, sync: bool) -> PyResult<()> {
        let ops = ops.try_iter()?.map(|item| op(&item?)).collect::<PyResult<_>>()?;
        self.0.submit(Batch { ticket, ops, sync }).map_err(closed)
    }

    fn read(&self, ticket: u64, name: String, offset: u64, size: u64) -> PyResult<()> {
        self.0.read(Read { ticket, name, offset, size }).map_err(closed)
    }

    fn poll<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let found = PyList::empty(py);
        for done in self.0.poll() {
            let (ticket, result) = match done {
                Done::Batch(batch, Ok(())) => (batch.ticket, py.None()),
                Done::Read(ticket, Ok(data)) => (ticket, PyBytes::new(py, &data).into_any().unbind()),
                Done::Batch(Batch { ticket, .. }, Err(failure)) | Done::Read(ticket, Err(failure)) => {
                    (ticket, exception(py, failure)?)
                }
            };
            found.append((ticket, result))?;
        }
        Ok(found)
    }

    fn resume(&self) -> PyResult<()> {
        self.0.resume().map_err(closed)
    }

    fn fileno(&self) -> i32 {
        self.0.event()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }
}

fn closed(_: Closed) -> PyErr {
    PyValueError::new_err("the disk is closed")
}

/// One of `ports.DiskOp`.
fn op(item: &Bound<'_, PyAny>) -> PyResult<Op<PyBackedBytes>> {
    let item = item.cast::<PyTuple>()?;
    let kind: PyBackedStr = item.get_item(0)?.extract()?;
    let arguments = item.get_slice(1, item.len());
    Ok(match &*kind {
        "write" => {
            let (name, offset, parts) = arguments.extract()?;
            Op::Write { name, offset, parts }
        }
        "create" => {
            let (name, size) = arguments.extract()?;
            Op::Create { name, size }
        }
        "cut" => {
            let (name, size, full) = arguments.extract()?;
            Op::Cut { name, size, full }
        }
        "rename" => {
            let (old, new) = arguments.extract()?;
            Op::Rename { old, new }
        }
        "remove" => {
            let (name,) = arguments.extract()?;
            Op::Remove { name }
        }
        "replace" => {
            let (name, data) = arguments.extract()?;
            Op::Replace { name, data }
        }
        kind => return Err(PyValueError::new_err(format!("there is no disk operation {kind:?}"))),
    })
}

/// Of the class that the number stands for, as Python itself would raise it.
fn exception(py: Python<'_>, failure: Failure) -> PyResult<Py<PyAny>> {
    let text: String =
        py.import(intern!(py, "os"))?.call_method1(intern!(py, "strerror"), (failure.errno,))?.extract()?;
    let error = match (failure.sync, failure.name.is_empty()) {
        (true, _) => SyncError::new_err((failure.errno, text, failure.name)),
        (false, true) => PyOSError::new_err((failure.errno, text)),
        (false, false) => PyOSError::new_err((failure.errno, text, failure.name)),
    };
    Ok(error.into_value(py).into_any())
}
