//! Key tables: the distinct (exchange, routing key, mandatory, immediate) that a decoder met, numbered from 0.
//!
//! Names are kept as they came: `[exchange shortstr][routing key shortstr]`. The hash is seeded per table, so that a
//! peer cannot choose keys that collide.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard};

use crate::pool::lock;
use crate::properties::{IMMEDIATE, MANDATORY};

pub const KEYS_MAX: usize = 4096;
pub const KEY_BYTES_MAX: usize = 256 * 1024;

/// The features that are part of a key.
pub(crate) const KEY_FEATURES: u32 = MANDATORY | IMMEDIATE;

const EMPTY: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    len: u16,
    features: u16,
}

#[derive(Debug, Default)]
pub struct Table {
    names: Vec<u8>,
    entries: Vec<Entry>,
    /// Open addressing, a power of two, at most half full.
    slots: Vec<u32>,
    hasher: RandomState,
}

/// A table that its decoder fills while batches refer to it.
#[derive(Debug, Default)]
pub struct Keys(Mutex<Table>);

/// A key is not valid UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub struct BadName;

/// (exchange, routing key) of raw names; they must be well formed.
pub(crate) fn split(names: &[u8]) -> (&[u8], &[u8]) {
    let exchange = usize::from(names[0]);
    (&names[1..1 + exchange], &names[2 + exchange..])
}

/// Whether raw names are UTF-8.
pub(crate) fn are_text(names: &[u8]) -> bool {
    let (exchange, routing_key) = split(names);
    std::str::from_utf8(exchange).is_ok() && std::str::from_utf8(routing_key).is_ok()
}

impl Keys {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Table> {
        lock(&self.0)
    }

    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it takes no more keys after this push.
    pub(crate) fn is_full(&self) -> bool {
        let table = self.lock();
        table.entries.len() >= KEYS_MAX || table.names.len() >= KEY_BYTES_MAX
    }

    /// Exchange, routing key, mandatory and immediate of a key.
    pub fn get(&self, key: usize) -> Option<(String, String, bool, bool)> {
        let table = self.lock();
        let entry = table.entries.get(key)?;
        let (exchange, routing_key) = split(table.names_of(entry));
        let text = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
        let has = |feature| u32::from(entry.features) & feature != 0;
        Some((text(exchange), text(routing_key), has(MANDATORY), has(IMMEDIATE)))
    }
}

impl Table {
    fn names_of(&self, entry: &Entry) -> &[u8] {
        &self.names[entry.start as usize..][..entry.len.into()]
    }

    fn is(&self, key: u32, names: &[u8], features: u32) -> bool {
        let entry = &self.entries[key as usize];
        u32::from(entry.features) == features & KEY_FEATURES && self.names_of(entry) == names
    }

    /// The number of a key, new or known. `hint` is a number it probably has.
    pub(crate) fn intern(&mut self, names: &[u8], features: u32, hint: u32) -> Result<u32, BadName> {
        if (hint as usize) < self.entries.len() && self.is(hint, names, features) {
            return Ok(hint);
        }
        if self.entries.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut slot = self.hash(names, features & KEY_FEATURES) & mask;
        while self.slots[slot] != EMPTY {
            if self.is(self.slots[slot], names, features) {
                return Ok(self.slots[slot]);
            }
            slot = (slot + 1) & mask;
        }
        if !are_text(names) {
            return Err(BadName);
        }
        let key = self.entries.len() as u32;
        let entry = Entry {
            start: self.names.len() as u32,
            len: names.len() as u16,
            features: (features & KEY_FEATURES) as u16,
        };
        self.names.extend_from_slice(names);
        self.entries.push(entry);
        self.slots[slot] = key;
        Ok(key)
    }

    fn hash(&self, names: &[u8], features: u32) -> usize {
        self.hasher.hash_one((names, features)) as usize
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(8);
        let mut slots = vec![EMPTY; size];
        for (key, entry) in self.entries.iter().enumerate() {
            let mut slot = self.hash(self.names_of(entry), entry.features.into()) & (size - 1);
            while slots[slot] != EMPTY {
                slot = (slot + 1) & (size - 1);
            }
            slots[slot] = key as u32;
        }
        self.slots = slots;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbered_once() {
        let keys = Keys::default();
        for round in 0..2 {
            for number in 0..1000u32 {
                let name = format!("\x01e\x04{number:04}");
                let key = keys.lock().intern(name.as_bytes(), number % 2 * MANDATORY, round).unwrap();
                assert_eq!(key, number);
            }
        }
        assert_eq!(keys.len(), 1000);
        assert_eq!(keys.get(7), Some(("e".into(), "0007".into(), true, false)));
        assert_eq!(keys.get(1000), None);
        assert_eq!(keys.lock().intern(b"\x01e\x040007", 0, 7), Ok(1000));
        assert_eq!(keys.lock().intern(b"\x00\x01\xff", 0, 0), Err(BadName));
        assert_eq!(keys.len(), 1001);
    }
}
