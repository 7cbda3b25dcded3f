//! Bytes that Python lends.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Bytes that stay where they are for as long as this lives.
enum Lent<'a, 'py> {
    Bytes(&'a Bound<'py, PyBytes>),
    Buffer(PyBuffer<u8>),
}

impl<'a, 'py> Lent<'a, 'py> {
    fn by(object: &'a Bound<'py, PyAny>) -> PyResult<Lent<'a, 'py>> {
        match object.cast::<PyBytes>() {
            Ok(bytes) => Ok(Lent::Bytes(bytes)),
            Err(_) => PyBuffer::get(object).map(Lent::Buffer),
        }
    }

    /// No Python code may run while these are in use.
    fn bytes(&self) -> PyResult<&[u8]> {
        match self {
            Lent::Bytes(bytes) => Ok(bytes.as_bytes()),
            Lent::Buffer(buffer) if buffer.item_count() == 0 => Ok(&[]),
            Lent::Buffer(buffer) => {
                let slice = buffer.as_slice_ptr();
                let slice = slice.ok_or_else(|| PyBufferError::new_err("the buffer is not contiguous"))?;
                // SAFETY: the exporter keeps the memory in place until `buffer` is dropped, which is after the slice is
                // gone. It is plain bytes, contiguous and not empty. Nobody writes to it meanwhile: we hold the GIL, and
                // no Python code runs.
                Ok(unsafe { slice.as_ref() })
            }
        }
    }
}

/// Call with the bytes of any contiguous buffer. `f` must not run Python code.
pub fn with_bytes<R>(object: &Bound<'_, PyAny>, f: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
    Ok(f(Lent::by(object)?.bytes()?))
}

/// The same with some buffers.
pub fn with_all_bytes<R>(objects: &[Bound<'_, PyAny>], f: impl FnOnce(&[&[u8]]) -> R) -> PyResult<R> {
    let lent: Vec<Lent<'_, '_>> = objects.iter().map(Lent::by).collect::<PyResult<_>>()?;
    let slices: Vec<&[u8]> = lent.iter().map(Lent::bytes).collect::<PyResult<_>>()?;
    Ok(f(&slices))
}
