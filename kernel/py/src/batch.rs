//! Pools, key tables, messages and batches.

use std::sync::Arc;

use leveret_core::batch::{Batch as Core, Column, Part};
use leveret_core::keys::{KEY_BYTES_MAX, KEYS_MAX, Keys};
use leveret_core::pool::Pool as CorePool;
use leveret_core::properties::{HEADERS_INDEX, property_index};
use leveret_core::row::Message as CoreMessage;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::expiries::Expiries;
use crate::rewrite::{Patch, unfit};
use crate::selection::Selection;

pub const COLUMN_KEY: u32 = 0;
pub const COLUMN_HEADERS: u32 = 1;
pub const COLUMN_HEADER: u32 = 2;
pub const COLUMN_PROPERTY: u32 = 3;

#[pyclass(frozen, module = "leveret._kernel")]
pub struct Pool(pub Arc<CorePool>);

#[pymethods]
impl Pool {
    #[new]
    #[pyo3(signature = (chunk_size = 262_144))]
    fn new(chunk_size: usize) -> Pool {
        Pool(Arc::new(CorePool::new(chunk_size)))
    }

    #[getter]
    fn allocated(&self) -> usize {
        self.0.allocated()
    }
}

#[pyclass(frozen, module = "leveret._kernel")]
pub struct KeyTable {
    pub keys: Arc<Keys>,
    #[pyo3(get)]
    cache: Py<PyDict>,
}

impl KeyTable {
    pub fn new(py: Python<'_>, keys: &Arc<Keys>) -> PyResult<Py<KeyTable>> {
        Py::new(py, KeyTable { keys: Arc::clone(keys), cache: PyDict::new(py).unbind() })
    }
}

#[pymethods]
impl KeyTable {
    #[classattr]
    const KEYS_MAX: usize = KEYS_MAX;
    #[classattr]
    const KEY_BYTES_MAX: usize = KEY_BYTES_MAX;

    fn __len__(&self) -> usize {
        self.keys.len()
    }

    fn __getitem__(&self, key: isize) -> PyResult<(String, String, bool, bool)> {
        let found = usize::try_from(key).ok().and_then(|key| self.keys.get(key));
        found.ok_or_else(|| PyIndexError::new_err("no such key"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.cache)
    }
}

#[pyclass(frozen, module = "leveret._kernel")]
pub struct Message(CoreMessage);

impl From<CoreMessage> for Message {
    fn from(message: CoreMessage) -> Message {
        Message(message)
    }
}

#[pymethods]
impl Message {
    #[getter]
    fn exchange<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        PyString::from_bytes(py, self.0.exchange())
    }

    #[getter]
    fn routing_key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        PyString::from_bytes(py, self.0.routing_key())
    }

    #[getter]
    fn properties<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.properties())
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.body())
    }

    #[getter]
    fn features(&self) -> u32 {
        self.0.features
    }
}

#[pyclass(frozen, module = "leveret._kernel")]
pub struct Batch {
    pub core: Core,
    #[pyo3(get)]
    keys: Py<KeyTable>,
}

impl Batch {
    pub fn new(core: Core, keys: Py<KeyTable>) -> Batch {
        Batch { core, keys }
    }

    /// A batch that is not a decoder's: with a key table of its own.
    pub fn alone(py: Python<'_>, core: Core) -> PyResult<Batch> {
        let keys = KeyTable::new(py, &core.keys)?;
        Ok(Batch { core, keys })
    }

    /// One made of this: with its key table, if the two have the same.
    fn derived(&self, py: Python<'_>, core: Core) -> PyResult<Batch> {
        match Arc::ptr_eq(&core.keys, &self.core.keys) {
            true => Ok(Batch { core, keys: self.keys.clone_ref(py) }),
            false => Batch::alone(py, core),
        }
    }

    pub fn check(&self, selection: Option<&Selection>) -> PyResult<()> {
        match selection {
            Some(selection) if !self.core.covers(&selection.0) => Err(PyIndexError::new_err("no such row")),
            _ => Ok(()),
        }
    }
}

type BuildItem = (PyBackedStr, PyBackedStr, PyBackedBytes, PyBackedBytes, bool);

#[pymethods]
impl Batch {
    #[staticmethod]
    #[pyo3(signature = (pool, messages, channel = 0))]
    fn build(py: Python<'_>, pool: &Pool, messages: &Bound<'_, PyAny>, channel: u16) -> PyResult<Batch> {
        let items: Vec<BuildItem> = messages.try_iter()?.map(|item| item?.extract()).collect::<PyResult<_>>()?;
        let parts = items.iter().map(|(exchange, routing_key, properties, body, mandatory)| Part {
            exchange: exchange.as_bytes(),
            routing_key: routing_key.as_bytes(),
            properties,
            body,
            mandatory: *mandatory,
        });
        let core = Core::build(&pool.0, channel, parts).map_err(unfit)?;
        Batch::alone(py, core)
    }

    #[getter]
    fn channel(&self) -> u16 {
        self.core.channel
    }

    #[getter]
    fn features(&self) -> u32 {
        self.core.features
    }

    #[getter]
    fn key(&self) -> i64 {
        self.core.key().map_or(-1, i64::from)
    }

    #[getter]
    fn body_bytes(&self) -> u64 {
        self.core.body_bytes
    }

    fn __len__(&self) -> usize {
        self.core.len()
    }

    fn __getitem__(&self, row: isize) -> PyResult<Message> {
        let message = usize::try_from(row).ok().and_then(|row| self.core.message(row));
        message.map(Message).ok_or_else(|| PyIndexError::new_err("no such row"))
    }

    #[pyo3(signature = (column = COLUMN_KEY, selection = None, name = None))]
    fn partition<'py>(
        &self,
        py: Python<'py>,
        column: u32,
        selection: Option<&Bound<'py, Selection>>,
        name: Option<&str>,
    ) -> PyResult<Bound<'py, PyList>> {
        let selection = selection.map(Bound::get);
        self.check(selection)?;
        let selection = selection.map(|selection| &selection.0);
        let column = match (column, name) {
            (COLUMN_KEY, _) => {
                let groups = self.core.partition_keys(selection);
                return PyList::new(py, groups.into_iter().map(|(key, rows)| (key, Selection(rows))));
            }
            (COLUMN_HEADERS, _) => Column::Property(HEADERS_INDEX),
            (COLUMN_HEADER, Some(name)) => Column::Header(name.as_bytes()),
            (COLUMN_PROPERTY, Some(name)) => match property_index(name) {
                Some(index) => Column::Property(index),
                None => return Err(PyValueError::new_err(format!("there is no property {name:?}"))),
            },
            (COLUMN_HEADER | COLUMN_PROPERTY, None) => return Err(PyValueError::new_err("this column needs a name")),
            _ => return Err(PyValueError::new_err("no such column")),
        };
        let groups = self.core.partition(column, selection);
        let value = |value: Option<Vec<u8>>| value.map(|value| PyBytes::new(py, &value));
        PyList::new(py, groups.into_iter().map(|(raw, rows)| (value(raw), Selection(rows))))
    }

    fn select(&self, features: u32) -> Selection {
        Selection(self.core.select(features))
    }

    fn rewrite(
        &self,
        py: Python<'_>,
        pool: &Pool,
        patches: Vec<(Bound<'_, Selection>, Bound<'_, Patch>)>,
    ) -> PyResult<Batch> {
        patches.iter().try_for_each(|(selection, _)| self.check(Some(selection.get())))?;
        let patches: Vec<_> = patches.iter().map(|(selection, patch)| (&selection.get().0, &patch.get().0)).collect();
        self.derived(py, self.core.rewrite(&pool.0, &patches).map_err(unfit)?)
    }

    #[staticmethod]
    fn concat(py: Python<'_>, pool: &Pool, batches: Vec<Bound<'_, Batch>>) -> PyResult<Batch> {
        // The rows stay where they are; the pool is named for implementations that have to copy them.
        let _ = pool;
        let parts: Vec<&Core> = batches.iter().map(|batch| &batch.get().core).collect();
        let core = Core::concat(&parts);
        match batches.first() {
            Some(first) => first.get().derived(py, core),
            None => Batch::alone(py, core),
        }
    }

    fn body_bytes_of(&self, selection: &Selection) -> PyResult<u64> {
        self.check(Some(selection))?;
        Ok(self.core.body_bytes_of(&selection.0))
    }

    fn fit(&self, selection: Option<&Bound<'_, Selection>>, rows: i64, size: i64) -> PyResult<Selection> {
        let selection = selection.map(Bound::get);
        self.check(selection)?;
        let selection = selection.map(|selection| &selection.0);
        Ok(Selection(self.core.fit(selection, u64::try_from(rows).ok(), u64::try_from(size).ok())))
    }

    #[pyo3(signature = (selection, now_ms, ttl_ms = -1), text_signature = "($self, selection, now_ms, ttl_ms=-1)")]
    fn expiries(
        &self,
        selection: Option<&Bound<'_, Selection>>,
        now_ms: u64,
        ttl_ms: i64,
    ) -> PyResult<Option<Expiries>> {
        let selection = selection.map(Bound::get);
        self.check(selection)?;
        let selection = selection.map(|selection| &selection.0);
        Ok(self.core.expiries(selection, now_ms, u64::try_from(ttl_ms).ok()).map(Expiries))
    }

    fn bad_expiration(&self) -> i64 {
        self.core.bad_expiration().map_or(-1, |row| row as i64)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.keys)
    }
}
