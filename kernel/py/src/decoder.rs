//! The decoder and its events.

use std::sync::Arc;

use leveret_core::decoder::Decoder as Core;
use leveret_core::event::{Event, Kind, Settlement as CoreSettlement, Violation as CoreViolation};
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::batch::{Batch, KeyTable, Pool};
use crate::buffer::with_bytes;

#[pyclass(frozen, module = "leveret._kernel")]
pub struct Settlement(pub CoreSettlement);

#[pymethods]
impl Settlement {
    #[new]
    #[pyo3(signature = (channel, kind, items, method = 0x003c_0050), text_signature = "(channel, kind, items, method=0x003c0050)")]
    fn new(channel: u16, kind: u8, items: Vec<(u64, bool)>, method: u32) -> PyResult<Settlement> {
        if kind > Kind::Reject as u8 {
            return Err(PyValueError::new_err("no such kind"));
        }
        Ok(Settlement(CoreSettlement { channel, kind, method, items }))
    }

    #[getter]
    fn channel(&self) -> u16 {
        self.0.channel
    }

    #[getter]
    fn kind(&self) -> u8 {
        self.0.kind
    }

    #[getter]
    fn method(&self) -> u32 {
        self.0.method
    }

    #[getter]
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, &self.0.items)
    }

    fn __len__(&self) -> usize {
        self.0.items.len()
    }
}

#[pyclass(frozen, get_all, module = "leveret._kernel")]
pub struct Command {
    channel: u16,
    method: u32,
    arguments: Py<PyBytes>,
}

#[pyclass(frozen, get_all, module = "leveret._kernel")]
pub struct ProtocolHeader {
    data: Py<PyBytes>,
}

#[pyclass(frozen, module = "leveret._kernel")]
pub struct Violation(CoreViolation);

#[pymethods]
impl Violation {
    #[getter]
    fn channel(&self) -> u16 {
        self.0.channel
    }

    #[getter]
    fn code(&self) -> u16 {
        self.0.code
    }

    #[getter]
    fn text(&self) -> &str {
        &self.0.text
    }

    #[getter]
    fn class_id(&self) -> u32 {
        self.0.method >> 16
    }

    #[getter]
    fn method_id(&self) -> u32 {
        self.0.method & 0xffff
    }
}

#[pyclass(module = "leveret._kernel")]
pub struct Decoder {
    core: Core,
    /// The table of the batch before.
    keys: Option<Py<KeyTable>>,
}

#[pymethods]
impl Decoder {
    #[new]
    #[pyo3(signature = (pool, *, frame_max = 8192, max_message_size = 16_777_216, max_partial_size = 268_435_456))]
    fn new(pool: &Pool, frame_max: u32, max_message_size: u64, max_partial_size: u64) -> Decoder {
        Decoder { core: Core::new(Arc::clone(&pool.0), frame_max, max_message_size, max_partial_size), keys: None }
    }

    #[pyo3(signature = (data, size = -1), text_signature = "($self, data, size=-1)")]
    fn push(&mut self, data: &Bound<'_, PyAny>, size: isize) -> PyResult<()> {
        let fits = with_bytes(data, |bytes| {
            let bytes = if size < 0 { Some(bytes) } else { bytes.get(..size.unsigned_abs()) };
            bytes.map(|bytes| self.core.push(bytes))
        })?;
        fits.ok_or_else(|| PyValueError::new_err("size is more than the buffer has"))
    }

    fn next<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(event) = self.core.next() else {
            return Ok(None);
        };
        Ok(Some(match event {
            Event::Batch(core) => {
                let keys = match &self.keys {
                    Some(keys) if Arc::ptr_eq(&keys.get().keys, &core.keys) => keys.clone_ref(py),
                    _ => self.keys.insert(KeyTable::new(py, &core.keys)?).clone_ref(py),
                };
                Bound::new(py, Batch::new(core, keys))?.into_any()
            }
            Event::Settlement(core) => Bound::new(py, Settlement(core))?.into_any(),
            Event::Command(command) => {
                let arguments = PyBytes::new(py, &command.arguments).unbind();
                let (channel, method) = (command.channel, command.method);
                Bound::new(py, Command { channel, method, arguments })?.into_any()
            }
            Event::ProtocolHeader(data) => {
                Bound::new(py, ProtocolHeader { data: PyBytes::new(py, &data).unbind() })?.into_any()
            }
            Event::Violation(violation) => Bound::new(py, Violation(violation))?.into_any(),
        }))
    }

    #[pyo3(signature = (frame_max, channel_max = 0))]
    fn open(&mut self, frame_max: u32, channel_max: u16) {
        self.core.open(frame_max, channel_max);
    }

    fn close(&mut self) {
        self.core.close();
        self.keys = None;
    }

    fn discard_channel(&mut self, channel: u16) {
        self.core.discard_channel(channel);
    }

    #[getter]
    fn held_bytes(&self) -> usize {
        self.core.held_bytes()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.keys)
    }

    fn __clear__(&mut self) {
        self.keys = None;
    }
}
