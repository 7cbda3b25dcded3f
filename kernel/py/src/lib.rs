//! `leveret._kernel`: `leveret_core` as Python sees it. Types, bounds checks of what Python passes in and exceptions are
//! here; what is done is done in the core. The API is described in `src/leveret/_kernel.pyi`.

mod batch;
mod buffer;
mod decoder;
mod disk;
mod expiries;
mod extent;
mod ledger;
mod piece;
mod record;
mod render;
mod rewrite;
mod selection;

use leveret_core::properties;
use pyo3::prelude::*;

#[pymodule(gil_used = true)]
fn _kernel(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add("EXTENT_ROWS", leveret_core::extent::EXTENT_ROWS)?;
    module.add("RECORD_HEADER", leveret_core::record::HEADER)?;
    module.add("SPILL", leveret_core::piece::SPILL)?;
    for (name, value) in [
        ("PERSISTENT", properties::PERSISTENT),
        ("HEADERS", properties::HEADERS),
        ("EXPIRATION", properties::EXPIRATION),
        ("PRIORITY", properties::PRIORITY),
        ("USER_ID", properties::USER_ID),
        ("REPLY_TO", properties::REPLY_TO),
        ("CC", properties::CC),
        ("MANDATORY", properties::MANDATORY),
        ("IMMEDIATE", properties::IMMEDIATE),
        ("COLUMN_KEY", batch::COLUMN_KEY),
        ("COLUMN_HEADERS", batch::COLUMN_HEADERS),
        ("COLUMN_HEADER", batch::COLUMN_HEADER),
        ("COLUMN_PROPERTY", batch::COLUMN_PROPERTY),
        ("ACK", 0),
        ("REQUEUE", 1),
        ("REJECT", 2),
    ] {
        module.add(name, value)?;
    }
    module.add_class::<selection::Selection>()?;
    module.add_class::<batch::Pool>()?;
    module.add_class::<batch::KeyTable>()?;
    module.add_class::<batch::Message>()?;
    module.add_class::<batch::Batch>()?;
    module.add_class::<decoder::Settlement>()?;
    module.add_class::<decoder::Command>()?;
    module.add_class::<decoder::ProtocolHeader>()?;
    module.add_class::<decoder::Violation>()?;
    module.add_class::<decoder::Decoder>()?;
    module.add_class::<rewrite::Patch>()?;
    module.add_class::<expiries::Expiries>()?;
    module.add_class::<extent::Extent>()?;
    module.add_class::<piece::Pieces>()?;
    module.add_class::<piece::Usage>()?;
    module.add_class::<ledger::Ledger>()?;
    module.add_class::<record::Replay>()?;
    module.add_class::<disk::Disk>()?;
    module.add_function(wrap_pyfunction!(render::render_deliver, module)?)?;
    module.add_function(wrap_pyfunction!(render::render_get_ok, module)?)?;
    module.add_function(wrap_pyfunction!(render::render_return, module)?)?;
    module.add_function(wrap_pyfunction!(record::crc32c, module)?)?;
    module.add_function(wrap_pyfunction!(record::encode_publish, module)?)?;
    module.add_function(wrap_pyfunction!(record::encode_settle, module)?)?;
    module.add_function(wrap_pyfunction!(record::encode_relocate, module)?)?;
    module.add_function(wrap_pyfunction!(record::encode_op, module)?)?;
    module.add_function(wrap_pyfunction!(record::encode_block, module)?)?;
    module.add_function(wrap_pyfunction!(record::unpack_block, module)?)?;
    module.add_function(wrap_pyfunction!(record::seal_record, module)?)?;
    module.add_function(wrap_pyfunction!(record::find_record, module)?)?;
    let event = module
        .getattr("Batch")?
        .bitor(module.getattr("Settlement")?)?
        .bitor(module.getattr("Command")?)?
        .bitor(module.getattr("ProtocolHeader")?)?
        .bitor(module.getattr("Violation")?)?;
    module.add("Event", event)?;
    let step =
        c"tuple[int, int, Pieces] | tuple[int, int, int, Selection] | tuple[int, int, int, Selection, int, int] | \
        tuple[int, int, bytes] | tuple[int, int, list[tuple[int, Expiries]]]";
    module.add("Step", module.py().eval(step, None, Some(&module.dict()))?)?;
    // Everything here is public, so a list of it would only have to be kept equal to the one in the .pyi.
    module.delattr("__all__")
}
