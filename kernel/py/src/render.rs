//! Rendered frames.

use leveret_core::render::{Deliver, GetOk, Return};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::batch::Batch;
use crate::extent::{Extent, refused};
use crate::selection::Selection;

/// Frames that carry nothing cannot be asked for.
fn check_frame_max(frame_max: u32) -> PyResult<()> {
    if (1..=8).contains(&frame_max) { Err(PyValueError::new_err("frame_max is too small")) } else { Ok(()) }
}

fn check_shortstr(text: &[u8]) -> PyResult<()> {
    if text.len() > 255 { Err(PyValueError::new_err("longer than 255 bytes")) } else { Ok(()) }
}

/// Bytes of this size, zero until they are filled.
pub fn filled<'py>(py: Python<'py>, size: usize, fill: impl FnOnce(&mut [u8])) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, size, |out| {
        fill(out);
        Ok(())
    })
}

#[pyfunction]
pub fn render_deliver<'py>(
    py: Python<'py>,
    extent: PyRef<'py, Extent>,
    selection: &Selection,
    channel: u16,
    consumer_tag: &[u8],
    first_tag: u64,
    frame_max: u32,
) -> PyResult<Bound<'py, PyBytes>> {
    check_frame_max(frame_max)?;
    check_shortstr(consumer_tag)?;
    extent.0.check_live(&selection.0).map_err(refused)?;
    let deliver = Deliver { extent: &extent.0, selection: &selection.0, channel, consumer_tag, first_tag, frame_max };
    filled(py, deliver.size(), |out| deliver.render(out))
}

#[pyfunction]
pub fn render_get_ok<'py>(
    py: Python<'py>,
    extent: PyRef<'py, Extent>,
    row: i64,
    channel: u16,
    tag: u64,
    message_count: u32,
    frame_max: u32,
) -> PyResult<Bound<'py, PyBytes>> {
    check_frame_max(frame_max)?;
    let row = u32::try_from(row).map_err(|_| PyIndexError::new_err(format!("there is no row {row}")))?;
    extent.0.check_live(&leveret_core::selection::Selection::one(row)).map_err(refused)?;
    let get_ok = GetOk { extent: &extent.0, row, channel, tag, message_count, frame_max };
    filled(py, get_ok.size(), |out| get_ok.render(out))
}

#[pyfunction]
pub fn render_return<'py>(
    py: Python<'py>,
    batch: &Batch,
    selection: &Selection,
    channel: u16,
    code: u16,
    text: &str,
    frame_max: u32,
) -> PyResult<Bound<'py, PyBytes>> {
    check_frame_max(frame_max)?;
    check_shortstr(text.as_bytes())?;
    batch.check(Some(selection))?;
    let (batch, selection, text) = (&batch.core, &selection.0, text.as_bytes());
    let returned = Return { batch, selection, channel, code, text, frame_max };
    filled(py, returned.size(), |out| returned.render(out))
}
