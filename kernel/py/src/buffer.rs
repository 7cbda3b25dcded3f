//! Bytes that Python lends.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Call with the bytes of any contiguous buffer. `f` must not run Python code.
pub fn with_bytes<R>(object: &Bound<'_, PyAny>, f: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(f(bytes.as_bytes()));
    }
    let buffer = PyBuffer::<u8>::get(object)?;
    if buffer.item_count() == 0 {
        return Ok(f(&[]));
    }
    let slice = buffer.as_slice_ptr().ok_or_else(|| PyBufferError::new_err("the buffer is not contiguous"))?;
    // SAFETY: the exporter keeps the memory in place until `buffer` is dropped, which is after `f`. It is plain bytes,
    // contiguous and not empty. Nobody writes to it meanwhile: we hold the GIL, and `f` does not run Python code.
    Ok(f(unsafe { slice.as_ref() }))
}
