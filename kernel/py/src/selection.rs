//! Selections, and the rows of one.

use leveret_core::selection::{Builder, Selection as Core};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PySlice;

#[pyclass(frozen, module = "leveret._kernel")]
#[derive(Clone)]
pub struct Selection(pub Core);

impl From<Core> for Selection {
    fn from(core: Core) -> Selection {
        Selection(core)
    }
}

fn ascending() -> PyErr {
    PyValueError::new_err("rows must be strictly ascending and fit in 32 bits")
}

/// The place that a Python index means.
fn place(index: isize, len: usize) -> PyResult<usize> {
    let place = if index < 0 { index.checked_add_unsigned(len) } else { Some(index) };
    let place = place.and_then(|place| usize::try_from(place).ok()).filter(|place| *place < len);
    place.ok_or_else(|| PyIndexError::new_err("no such row"))
}

#[pymethods]
impl Selection {
    #[new]
    fn new(rows: &Bound<'_, PyAny>) -> PyResult<Selection> {
        let mut builder = Builder::default();
        for row in rows.try_iter()? {
            let row: i128 = row?.extract()?;
            let row = u32::try_from(row).map_err(|_| ascending())?;
            if !builder.accepts(row) {
                return Err(ascending());
            }
            builder.push(row);
        }
        Ok(Selection(builder.finish()))
    }

    #[staticmethod]
    fn range(start: i64, stop: i64) -> PyResult<Selection> {
        let bad = |_| PyValueError::new_err("rows must fit in 32 bits");
        let (start, stop) = (u32::try_from(start).map_err(bad)?, u32::try_from(stop).map_err(bad)?);
        Ok(Selection(Core::range(start, stop.saturating_sub(start))))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __iter__(slf: Bound<'_, Self>) -> Rows {
        Rows { selection: slf.unbind(), next: 0 }
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if let Ok(slice) = index.cast::<PySlice>() {
            let indices = slice.indices(isize::try_from(self.0.len()).unwrap_or(isize::MAX))?;
            if indices.step != 1 {
                return Err(PyValueError::new_err("only slices of step 1"));
            }
            let part = self.0.slice(indices.start.max(0) as usize, indices.stop.max(0) as usize);
            return Ok(Bound::new(py, Selection(part))?.into_any());
        }
        let index: isize = index.extract().map_err(|_| PyTypeError::new_err("an index or a slice"))?;
        let row = self.0.at(place(index, self.0.len())?);
        Ok(row.into_pyobject(py)?.into_any())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Selection>().is_ok_and(|other| other.get().0 == self.0)
    }

    fn __repr__(&self) -> String {
        match self.0.as_range() {
            Some((start, len)) => format!("Selection.range({start}, {})", u64::from(start) + u64::from(len)),
            None => format!("Selection({:?})", self.0.iter().collect::<Vec<_>>()),
        }
    }

    #[pyo3(signature = (start, stop, shift = 0))]
    fn window(&self, start: i64, stop: i64, shift: i64) -> PyResult<Selection> {
        let window = self.0.window(start.max(0) as u64, stop.max(0) as u64, shift);
        window.map(Selection).ok_or_else(|| PyValueError::new_err("rows must fit in 32 bits"))
    }

    #[staticmethod]
    fn merge(parts: Vec<Bound<'_, Selection>>) -> Selection {
        let parts: Vec<&Core> = parts.iter().map(|part| &part.get().0).collect();
        Selection(Core::merge(&parts))
    }

    fn union(&self, other: &Selection) -> Selection {
        Selection(self.0.union(&other.0))
    }

    fn difference(&self, other: &Selection) -> Selection {
        Selection(self.0.difference(&other.0))
    }
}

#[pyclass(module = "leveret._kernel")]
pub struct Rows {
    selection: Py<Selection>,
    next: usize,
}

#[pymethods]
impl Rows {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&mut self) -> Option<u32> {
        let rows = &self.selection.get().0;
        let row = (self.next < rows.len()).then(|| rows.at(self.next));
        self.next += usize::from(row.is_some());
        row
    }
}
