//! Patches.

use leveret_core::batch::{Patch as Core, Unfit};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};

pub fn unfit(unfit: Unfit) -> PyErr {
    PyValueError::new_err(unfit.text())
}

#[pyclass(frozen, module = "leveret._kernel")]
pub struct Patch(pub Core);

fn owned(text: &PyBackedStr) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[pymethods]
impl Patch {
    #[new]
    #[pyo3(
        signature = (
            *, exchange = None, routing_key = None, headers = None, append = None, without = Vec::new(),
            drop_expiration = false, expiration = None, reply_to = None, clear_mandatory = false
        ),
        text_signature = "(*, exchange=None, routing_key=None, headers=None, append=b'', without=(), \
            drop_expiration=False, expiration=None, reply_to=None, clear_mandatory=False)"
    )]
    #[expect(clippy::too_many_arguments, reason = "all of them are named")]
    fn new(
        exchange: Option<PyBackedStr>,
        routing_key: Option<PyBackedStr>,
        headers: Option<PyBackedBytes>,
        append: Option<PyBackedBytes>,
        without: Vec<PyBackedStr>,
        drop_expiration: bool,
        expiration: Option<PyBackedStr>,
        reply_to: Option<PyBackedStr>,
        clear_mandatory: bool,
    ) -> PyResult<Patch> {
        let patch = Core {
            exchange: exchange.as_ref().map(owned),
            routing_key: routing_key.as_ref().map(owned),
            headers: headers.map(|headers| headers.to_vec()),
            append: append.map(|append| append.to_vec()).unwrap_or_default(),
            without: without.iter().map(owned).collect(),
            drop_expiration,
            expiration: expiration.as_ref().map(owned),
            reply_to: reply_to.as_ref().map(owned),
            clear_mandatory,
        };
        patch.checked().map(Patch).map_err(unfit)
    }
}
