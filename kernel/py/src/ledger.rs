//! Ledgers.

use std::collections::HashSet;

use leveret_core::ledger::{Ledger as Core, Portions};
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::decoder::Settlement;
use crate::extent::Extent;
use crate::selection::Selection;

/// What a run belongs to.
struct Owner {
    owner: Py<PyAny>,
    extent: Py<Extent>,
}

#[pyclass(module = "leveret._kernel")]
#[derive(Default)]
pub struct Ledger(Core<Owner>);

fn listed<'py>(py: Python<'py>, portions: Portions<Owner>) -> PyResult<Bound<'py, PyList>> {
    let tuple = |(owner, rows): (Owner, _)| (owner.owner, owner.extent, Selection(rows));
    PyList::new(py, portions.into_iter().map(tuple))
}

#[pymethods]
impl Ledger {
    #[new]
    fn new() -> Ledger {
        Ledger::default()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn add(&mut self, first_tag: u64, owner: Py<PyAny>, extent: Py<Extent>, selection: &Selection) -> PyResult<()> {
        let added = self.0.add(first_tag, Owner { owner, extent }, selection.0.clone());
        added.map_err(|_| PyValueError::new_err("delivery tags must ascend"))
    }

    #[pyo3(signature = (settlement, hold = false))]
    fn settle<'py>(
        &mut self,
        py: Python<'py>,
        settlement: &Settlement,
        hold: bool,
    ) -> PyResult<(Bound<'py, PyList>, Option<u64>)> {
        let share = |owner: &Owner| Owner { owner: owner.owner.clone_ref(py), extent: owner.extent.clone_ref(py) };
        let (portions, unknown) = self.0.settle(settlement.0.items.iter().copied(), hold, share);
        Ok((listed(py, portions)?, unknown))
    }

    #[getter]
    fn oldest(&mut self) -> u64 {
        self.0.oldest().unwrap_or(0)
    }

    fn owners_before(&self, py: Python<'_>, tag: u64) -> Vec<Py<PyAny>> {
        let mut known = HashSet::new();
        let owners = self.0.owners_before(tag).filter(|run| known.insert(run.owner.as_ptr()));
        owners.map(|run| run.owner.clone_ref(py)).collect()
    }

    fn withdraw<'py>(&mut self, py: Python<'py>, owner: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let share = |owner: &Owner| Owner { owner: owner.owner.clone_ref(py), extent: owner.extent.clone_ref(py) };
        listed(py, self.0.withdraw(|run| run.owner.is(owner), share))
    }

    fn commit(&mut self) {
        self.0.commit();
    }

    fn rollback(&mut self) {
        self.0.rollback();
    }

    fn drain<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        listed(py, self.0.drain())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for owner in self.0.owners() {
            visit.call(&owner.owner)?;
            visit.call(&owner.extent)?;
        }
        Ok(())
    }

    fn __clear__(&mut self) {
        self.0 = Core::default();
    }
}
