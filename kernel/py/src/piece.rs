//! Pieces.

use leveret_core::piece::{Piece, Pieces as Core};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

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

    #[getter]
    fn next(&self) -> Option<u64> {
        self.0.next()
    }

    fn __repr__(&self) -> String {
        let item = |piece: &Piece| -> Item {
            (piece.first, piece.count, piece.position, piece.length, piece.skip, piece.body_bytes, piece.features)
        };
        format!("Pieces({:?})", self.0.rest().iter().map(item).collect::<Vec<Item>>())
    }
}
