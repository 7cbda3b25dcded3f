//! Ops, records and blocks out, and what a log is made of back in.

use leveret_core::op::{self, Draft, Unfit};
use leveret_core::record::{self, POSITION_END};
use leveret_core::replay::{Replay as Core, Step, Stop};
use leveret_core::{block, pack};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};

use crate::batch::{Batch, Pool};
use crate::buffer::with_bytes;
use crate::expiries::Expiries;
use crate::piece::Pieces;
use crate::render::filled;
use crate::selection::Selection;

fn unfit(unfit: Unfit) -> PyErr {
    PyValueError::new_err(unfit.text())
}

fn check_position(position: u64) -> PyResult<u64> {
    if position < POSITION_END { Ok(position) } else { Err(PyValueError::new_err("a position is over 63 bits")) }
}

#[pyfunction]
#[pyo3(signature = (data, seed = 0))]
pub fn crc32c(data: &Bound<'_, PyAny>, seed: u32) -> PyResult<u32> {
    with_bytes(data, |bytes| record::crc32c_append(seed, bytes))
}

type OpAndBlock<'py> = (Bound<'py, PyBytes>, usize, usize);

fn written<'py>(py: Python<'py>, draft: &Draft<'_>) -> PyResult<OpAndBlock<'py>> {
    let (offset, length) = draft.block();
    Ok((filled(py, draft.size(), |out| draft.fill(out))?, offset, length))
}

#[pyfunction]
pub fn encode_publish<'py>(
    py: Python<'py>,
    targets: Vec<(u64, u64)>,
    batch: &Batch,
    selection: Option<&Bound<'py, Selection>>,
    offsets: Option<&Bound<'py, Selection>>,
) -> PyResult<OpAndBlock<'py>> {
    let (selection, offsets) = (selection.map(Bound::get), offsets.map(Bound::get));
    batch.check(selection)?;
    let (selection, offsets) = (selection.map(|selection| &selection.0), offsets.map(|offsets| &offsets.0));
    written(py, &Draft::publish(&targets, &batch.core, selection, offsets).map_err(unfit)?)
}

#[pyfunction]
pub fn encode_settle<'py>(
    py: Python<'py>,
    queue: u64,
    base: u64,
    reason: u8,
    selection: &Selection,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(written(py, &Draft::settle(queue, base, reason, &selection.0).map_err(unfit)?)?.0)
}

#[pyfunction]
pub fn encode_relocate<'py>(
    py: Python<'py>,
    queue: u64,
    base: u64,
    selection: &Selection,
    batch: &Batch,
) -> PyResult<OpAndBlock<'py>> {
    written(py, &Draft::relocate(queue, base, &selection.0, &batch.core).map_err(unfit)?)
}

#[pyfunction]
pub fn encode_op<'py>(py: Python<'py>, kind: u8, body: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    with_bytes(body, |body| {
        let head = op::head(kind, body.len()).map_err(unfit)?;
        filled(py, head.len() + body.len(), |out| {
            let (front, rest) = out.split_at_mut(head.len());
            front.copy_from_slice(&head);
            rest.copy_from_slice(body);
        })
    })?
}

#[pyfunction]
#[pyo3(signature = (batch, selection = None))]
pub fn encode_block<'py>(
    py: Python<'py>,
    batch: &Batch,
    selection: Option<&Bound<'py, Selection>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let selection = selection.map(Bound::get);
    batch.check(selection)?;
    let selection = selection.map(|selection| &selection.0);
    let size = block::size(&pack::measure(&batch.core, selection)).ok_or_else(|| unfit(Unfit::Size))?;
    filled(py, size, |out| block::fill(&batch.core, selection, out))
}

#[pyfunction]
pub fn unpack_block(py: Python<'_>, pool: &Pool, data: &Bound<'_, PyAny>) -> PyResult<Batch> {
    let core = with_bytes(data, |bytes| block::unpack(&pool.0, bytes))?;
    Batch::alone(py, core.map_err(|damage| PyValueError::new_err(damage.text()))?)
}

#[pyfunction]
pub fn seal_record<'py>(
    py: Python<'py>,
    position: u64,
    synced: u64,
    ops: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    if synced > check_position(position)? {
        return Err(PyValueError::new_err("what comes after a record is not on disk before it"));
    }
    let size = record::size(ops.iter().map(|op| op.len()).sum());
    let size = size.ok_or_else(|| PyValueError::new_err("a record is too large"))?;
    filled(py, size, |out| record::fill(position, synced, ops.iter().map(|op| &op[..]), out))
}

#[pyfunction]
pub fn find_record(data: &Bound<'_, PyAny>, start: u64, after: u64) -> PyResult<Option<(u64, u64)>> {
    with_bytes(data, |bytes| record::find(bytes, start, after))
}

#[pyclass(module = "leveret._kernel")]
pub struct Replay(Core);

#[pymethods]
impl Replay {
    #[new]
    fn new(position: u64) -> PyResult<Replay> {
        Ok(Replay(Core::new(check_position(position)?)))
    }

    #[getter]
    fn position(&self) -> u64 {
        self.0.position
    }

    #[setter]
    fn set_position(&mut self, position: u64) -> PyResult<()> {
        self.0.position = check_position(position)?;
        Ok(())
    }

    #[getter]
    fn synced(&self) -> u64 {
        self.0.synced
    }

    #[getter]
    fn stop(&self) -> &'static str {
        match self.0.stop {
            Stop::End => "end",
            Stop::Sealed => "sealed",
            Stop::Bad => "bad",
        }
    }

    #[getter]
    fn need(&self) -> u64 {
        self.0.need
    }

    #[getter]
    fn counts(&self) -> (u64, u64, u64, u64, u64, u64, u64) {
        self.0.counts.into()
    }

    fn read<'py>(&mut self, py: Python<'py>, data: &Bound<'py, PyAny>, start: u64) -> PyResult<Bound<'py, PyList>> {
        if start > self.0.position {
            return Err(PyValueError::new_err("the data begins after the next record"));
        }
        let steps = with_bytes(data, |bytes| self.0.read(bytes, start))?;
        let list = PyList::empty(py);
        for step in steps {
            match step {
                Step::Publish { queue, pieces } => list.append((op::PUBLISH, queue, Pieces(pieces)))?,
                Step::Settle { queue, base, selection } => {
                    list.append((op::SETTLE, queue, base, Selection(selection)))?;
                }
                Step::Relocate { queue, base, selection, position, length } => {
                    list.append((op::RELOCATE, queue, base, Selection(selection), position, length))?;
                }
                Step::Extent { queue, state } => list.append((op::EXTENT, queue, PyBytes::new(py, &state)))?,
                Step::Expiry { queue, rows } => {
                    let rows: Vec<(u64, Expiries)> =
                        rows.into_iter().map(|(first, it)| (first, Expiries(it))).collect();
                    list.append((op::EXPIRY, queue, rows))?;
                }
                Step::Definition { position, definition } => {
                    list.append((op::DEFINITION, position, PyBytes::new(py, &definition)))?;
                }
            }
        }
        Ok(list)
    }
}
