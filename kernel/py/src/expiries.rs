//! Expiries.

use leveret_core::expiries::Expiries as Core;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySlice};

use crate::buffer::with_bytes;

#[pyclass(frozen, module = "leveret._kernel")]
pub struct Expiries(pub Core);

fn bad_run() -> PyErr {
    PyValueError::new_err("a run has no rows, or numbers are over 64 bits")
}

/// A number of 64 bits; ValueError for any other.
fn number(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract().map_err(
        |error: PyErr| {
            if error.is_instance_of::<PyOverflowError>(value.py()) { bad_run() } else { error }
        },
    )
}

#[pymethods]
impl Expiries {
    #[new]
    fn new(runs: &Bound<'_, PyAny>) -> PyResult<Expiries> {
        let mut core = Core::default();
        for run in runs.try_iter()? {
            let (count, when): (Bound<'_, PyAny>, Bound<'_, PyAny>) = run?.extract()?;
            core.push(number(&count)?, number(&when)?).map_err(|_| bad_run())?;
        }
        Ok(Expiries(core))
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.0.len()).unwrap_or(usize::MAX)
    }

    fn __getitem__(&self, index: &Bound<'_, PyAny>) -> PyResult<Expiries> {
        let slice = index.cast::<PySlice>().map_err(|_| PyTypeError::new_err("only slices"))?;
        let indices = slice.indices(isize::try_from(self.0.len()).unwrap_or(isize::MAX))?;
        if indices.step != 1 {
            return Err(PyValueError::new_err("only slices of step 1"));
        }
        Ok(Expiries(self.0.slice(indices.start.max(0) as u64, indices.stop.max(0) as u64)))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Expiries>().is_ok_and(|other| other.get().0 == self.0)
    }

    fn __repr__(&self) -> String {
        format!("Expiries({:?})", self.0.runs())
    }

    #[getter]
    fn runs(&self) -> Vec<(u64, u64)> {
        self.0.runs().to_vec()
    }

    #[getter]
    fn none(&self) -> bool {
        self.0.is_none()
    }

    fn encode<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let data = self.0.encode().ok_or_else(|| PyValueError::new_err("there are too many runs"))?;
        Ok(PyBytes::new(py, &data))
    }

    #[staticmethod]
    fn decode(data: &Bound<'_, PyAny>) -> PyResult<Expiries> {
        let core = with_bytes(data, Core::decode)?;
        core.map(Expiries).ok_or_else(|| PyValueError::new_err("these are no expiries"))
    }
}
