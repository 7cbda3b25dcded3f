//! Pieces of queues.

use leveret_core::piece::Pieces as Core;
use pyo3::prelude::*;

#[pyclass(module = "leveret._kernel")]
pub struct Pieces(pub Core);

#[pymethods]
impl Pieces {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    #[getter]
    fn next(&self) -> Option<u64> {
        self.0.next()
    }

    fn __repr__(&self) -> String {
        let piece = |piece: &leveret_core::piece::Piece| {
            let (first, count, position, length) = (piece.first, piece.count, piece.position, piece.length);
            format!(
                "({first}, {count}, {position}, {length}, {}, {}, {})",
                piece.skip, piece.body_bytes, piece.features
            )
        };
        format!("Pieces([{}])", self.0.rest().iter().map(piece).collect::<Vec<_>>().join(", "))
    }
}
