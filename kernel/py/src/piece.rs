//! Pieces, and how much of the log is live.

use leveret_core::piece::{Piece, Pieces as Core};
use leveret_core::places::Usage as CoreUsage;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::extent::Extent;

type Item = (u64, u32, u64, u32, u32, u64, u32);

#[pyclass(module = "leveret._kernel")]
pub struct Pieces(pub Core);

#[pymethods]
impl Pieces {
    #[new]
    #[pyo3(signature = (pieces = Vec::new()), text_signature = "(pieces=())")]
    fn new(pieces: Vec<Item>) -> PyResult<Pieces> {
        let mut core = Core::default();
        for (first, count, position, length, skip, body_bytes, features) in pieces {
            if !core.push(Piece { first, count, position, length, skip, body_bytes, features }) {
                return Err(PyValueError::new_err("no such piece, or not behind the others"));
            }
        }
        Ok(Pieces(core))
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.0.len()).unwrap_or(usize::MAX)
    }

    fn __repr__(&self) -> String {
        let items: Vec<Item> = (self.0.rest().iter())
            .map(|it| (it.first, it.count, it.position, it.length, it.skip, it.body_bytes, it.features))
            .collect();
        format!("Pieces({items:?})")
    }

    #[getter]
    fn next(&self) -> Option<u64> {
        self.0.next()
    }
}

#[pyclass(module = "leveret._kernel")]
pub struct Usage(CoreUsage);

#[pymethods]
impl Usage {
    #[new]
    fn new(bases: Vec<u64>) -> PyResult<Usage> {
        CoreUsage::new(bases).map(Usage).ok_or_else(|| PyValueError::new_err("positions of segments must ascend"))
    }

    fn add(&mut self, extent: PyRef<'_, Extent>) {
        extent.0.add_to(&mut self.0);
    }

    #[getter]
    fn bytes(&self) -> Vec<u64> {
        self.0.bytes().to_vec()
    }
}
