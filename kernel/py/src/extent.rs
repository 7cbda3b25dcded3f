//! Extents.

use leveret_core::extent::{Extent as Core, Refusal};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::batch::{Batch, Message, Pool};
use crate::buffer::{with_all_bytes, with_bytes};
use crate::piece::Pieces;
use crate::selection::Selection;

#[pyclass(module = "leveret._kernel")]
pub struct Extent(pub Core);

#[cold]
pub fn refused(refusal: Refusal) -> PyErr {
    match refusal {
        Refusal::Gone(_) => PyIndexError::new_err(refusal.text()),
        _ => PyValueError::new_err(refusal.text()),
    }
}

fn absent(row: i64) -> PyErr {
    PyIndexError::new_err(format!("there is no row {row}"))
}

/// Room in bytes: negative means no bound.
fn bound(room: i64) -> Option<u64> {
    u64::try_from(room).ok()
}

/// Where a block lies; None for a negative position.
fn block(position: &Bound<'_, PyAny>, length: u32) -> PyResult<Option<(u64, u32)>> {
    match position.extract::<i64>() {
        Ok(position) => Ok(bound(position).map(|position| (position, length))),
        Err(_) => Ok(Some((position.extract()?, length))),
    }
}

#[pymethods]
impl Extent {
    #[new]
    #[pyo3(signature = (base, lane = 0))]
    fn new(base: u64, lane: u64) -> Extent {
        Extent(Core::new(base).with_lane(lane))
    }

    #[getter]
    fn lane(&self) -> u64 {
        self.0.lane()
    }

    #[getter]
    fn base(&self) -> u64 {
        self.0.base()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    #[getter]
    fn ready(&self) -> u32 {
        self.0.ready()
    }

    #[getter]
    fn unacked(&self) -> u32 {
        self.0.unacked()
    }

    #[getter]
    fn ready_bytes(&self) -> u64 {
        self.0.ready_bytes()
    }

    #[getter]
    fn unacked_bytes(&self) -> u64 {
        self.0.unacked_bytes()
    }

    #[getter]
    fn full(&self) -> bool {
        self.0.is_full()
    }

    #[getter]
    fn features(&self) -> u32 {
        self.0.features()
    }

    #[getter]
    fn resident(&self) -> bool {
        self.0.is_resident()
    }

    #[pyo3(
        signature = (batch, selection = None, start = 0, position = None, length = 0),
        text_signature = "($self, batch, selection=None, start=0, position=-1, length=0)"
    )]
    fn append(
        &mut self,
        batch: &Batch,
        selection: Option<&Bound<'_, Selection>>,
        start: usize,
        position: Option<&Bound<'_, PyAny>>,
        length: u32,
    ) -> PyResult<usize> {
        let selection = selection.map(Bound::get);
        batch.check(selection)?;
        let block = position.map_or(Ok(None), |position| block(position, length))?;
        self.0.append(&batch.core, selection.map(|selection| &selection.0), start, block).map_err(refused)
    }

    #[pyo3(signature = (limit, room = -1), text_signature = "($self, limit, room=-1)")]
    fn take(&mut self, limit: i64, room: i64) -> PyResult<Selection> {
        Ok(Selection(self.0.take(limit.max(0).unsigned_abs(), bound(room)).map_err(refused)?))
    }

    #[pyo3(signature = (credits, rooms, start = 0))]
    fn deal<'py>(
        &mut self,
        py: Python<'py>,
        credits: Vec<i64>,
        rooms: Vec<i64>,
        start: usize,
    ) -> PyResult<Bound<'py, PyTuple>> {
        if credits.len() != rooms.len() {
            return Err(PyValueError::new_err("credits and rooms differ in length"));
        }
        let credits: Vec<u64> = credits.into_iter().map(|credit| credit.max(0).unsigned_abs()).collect();
        let rooms: Vec<Option<u64>> = rooms.into_iter().map(bound).collect();
        let (dealt, next) = self.0.deal(&credits, &rooms, start).map_err(refused)?;
        (PyList::new(py, dealt.into_iter().map(Selection))?, next).into_pyobject(py)
    }

    fn requeue(&mut self, selection: &Selection) -> PyResult<()> {
        self.0.requeue(&selection.0).map_err(refused)
    }

    fn settle(&mut self, selection: &Selection) -> PyResult<()> {
        self.0.settle(&selection.0).map_err(refused)
    }

    fn select_ready(&self) -> Selection {
        Selection(self.0.select_ready())
    }

    #[pyo3(signature = (selection = None))]
    fn select_persistent(&self, selection: Option<&Bound<'_, Selection>>) -> PyResult<Selection> {
        let selection = selection.map(|selection| &selection.get().0);
        Ok(Selection(self.0.select_persistent(selection).map_err(refused)?))
    }

    fn is_redelivered(&self, row: i64) -> PyResult<bool> {
        let index = u32::try_from(row).ok().filter(|row| (*row as usize) < self.0.len());
        Ok(self.0.is_redelivered(index.ok_or_else(|| absent(row))?))
    }

    fn mark_redelivered(&mut self, selection: &Selection) -> PyResult<()> {
        self.0.mark_redelivered(&selection.0).map_err(refused)
    }

    fn mark_all_redelivered(&mut self) {
        self.0.mark_all_redelivered();
    }

    fn __getitem__(&self, row: i64) -> PyResult<Message> {
        if !self.0.is_resident() {
            return Err(refused(Refusal::Stored));
        }
        let message = u32::try_from(row).ok().and_then(|row| self.0.message(row));
        message.map(Message::from).ok_or_else(|| absent(row))
    }

    fn recycle(&mut self) -> bool {
        self.0.recycle()
    }

    #[pyo3(signature = (pool, limit = -1), text_signature = "($self, pool, limit=-1)")]
    fn compact(&mut self, pool: &Pool, limit: i64) -> u64 {
        self.0.compact(&pool.0, u64::try_from(limit).unwrap_or(u64::MAX))
    }

    fn batch(&self, py: Python<'_>, pool: &Pool, selection: &Selection) -> PyResult<Batch> {
        // The rows stay where they are; the pool is named for implementations that have to copy them.
        let _ = pool;
        Batch::alone(py, self.0.batch(&selection.0).map_err(refused)?)
    }

    #[pyo3(signature = (pieces, room = -1), text_signature = "($self, pieces, room=-1)")]
    fn restore(&mut self, mut pieces: PyRefMut<'_, Pieces>, room: i64) -> PyResult<u32> {
        self.0.restore(&mut pieces.0, bound(room).unwrap_or(u64::MAX)).map_err(refused)
    }

    #[getter]
    fn log_end(&self) -> u64 {
        self.0.log_end()
    }

    fn drop(&mut self, selection: &Selection) {
        self.0.drop(&selection.0);
    }

    fn unstored(&self) -> Selection {
        Selection(self.0.unstored())
    }

    #[pyo3(signature = (position, length, selection, skip = 0))]
    fn store(&mut self, position: u64, length: u32, selection: &Selection, skip: u32) -> PyResult<()> {
        self.0.store((position, length), &selection.0, skip).map_err(refused)
    }

    fn evict(&mut self) -> PyResult<u64> {
        self.0.evict().map_err(refused)
    }

    fn ranges(&self, gap: i64, limit: i64) -> Vec<(u64, u64)> {
        self.0.ranges(gap.max(0).unsigned_abs(), limit.max(0).unsigned_abs())
    }

    fn load(&mut self, pool: &Pool, ranges: Vec<(u64, Bound<'_, PyAny>)>) -> PyResult<()> {
        let (positions, buffers): (Vec<u64>, Vec<_>) = ranges.into_iter().unzip();
        let loaded = with_all_bytes(&buffers, |slices| {
            let ranges: Vec<(u64, &[u8])> = positions.into_iter().zip(slices.iter().copied()).collect();
            self.0.load(&pool.0, &ranges)
        })?;
        loaded.map_err(|damage| PyValueError::new_err(damage.text()))
    }

    fn places_in(&self, start: u64, stop: u64) -> Selection {
        Selection(self.0.places_in(start, stop))
    }

    fn forget_spill(&mut self) -> PyResult<()> {
        self.0.forget_spill().map_err(refused)
    }

    fn state<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.state())
    }

    #[staticmethod]
    #[pyo3(signature = (data, lane = 0))]
    fn from_state(data: &Bound<'_, PyAny>, lane: u64) -> PyResult<Extent> {
        let extent = with_bytes(data, Core::from_state)?;
        extent
            .map(|extent| Extent(extent.with_lane(lane)))
            .map_err(|_| PyValueError::new_err("this is no extent's state"))
    }
}
