//! Batches made of batches: with other names, headers or expirations, or several as one.
//!
//! A row's properties lie right before its body, so a row that changes is written anew; the others stay where they are.

use std::sync::Arc;

use super::{Batch, Unfit};
use crate::keys::{KEY_FEATURES, Table, split};
use crate::pool::{Arena, Pool};
use crate::properties::{self, MANDATORY};
use crate::row::{Row, Spot};
use crate::selection::Selection;

const UNKNOWN: u32 = u32::MAX;

/// What becomes of a row; by default nothing.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    pub exchange: Option<Vec<u8>>,
    pub routing_key: Option<Vec<u8>>,
    /// The headers table, without its length, instead of the row's.
    pub headers: Option<Vec<u8>>,
    /// Names of headers that are removed.
    pub without: Vec<Vec<u8>>,
    /// Fields that come behind the other headers.
    pub append: Vec<u8>,
    pub drop_expiration: bool,
    pub expiration: Option<Vec<u8>>,
    pub reply_to: Option<Vec<u8>>,
    pub clear_mandatory: bool,
}

impl Patch {
    /// Itself, if what it gives to a row can be there.
    pub fn checked(self) -> Result<Patch, Unfit> {
        let names = [&self.exchange, &self.routing_key, &self.expiration, &self.reply_to].into_iter().flatten();
        if names.chain(&self.without).any(|name| name.len() > 255) {
            return Err(Unfit::NameTooLong);
        }
        let tables = self.headers.iter().chain([&self.append]);
        if !tables.map(|table| properties::check_table(table)).all(|sound| sound.is_some()) {
            return Err(Unfit::Properties);
        }
        if self.drop_expiration && self.expiration.is_some() {
            return Err(Unfit::Expiration);
        }
        Ok(self)
    }

    fn changes_names(&self) -> bool {
        self.exchange.is_some() || self.routing_key.is_some()
    }

    fn changes_properties(&self) -> bool {
        let headers = self.headers.is_some() || !self.append.is_empty() || !self.without.is_empty();
        headers || self.drop_expiration || self.expiration.is_some() || self.reply_to.is_some()
    }

    fn changes_key(&self) -> bool {
        self.changes_names() || self.clear_mandatory
    }

    /// Append the names that a row with these has now.
    fn put_names(&self, names: &[u8], out: &mut Vec<u8>) {
        if !self.changes_names() {
            return out.extend_from_slice(names);
        }
        let (exchange, routing_key) = split(names);
        for (name, new) in [(exchange, &self.exchange), (routing_key, &self.routing_key)] {
            let name = new.as_deref().unwrap_or(name);
            out.push(name.len() as u8);
            out.extend_from_slice(name);
        }
    }

    /// Append the property list that a row with this one has now; None for what no row has.
    fn put_properties(&self, list: &[u8], out: &mut Vec<u8>) -> Option<()> {
        if !self.changes_properties() {
            out.extend_from_slice(list);
            return Some(());
        }
        let parts = properties::cut(list)?;
        let start = out.len();
        out.extend_from_slice(parts.flags);
        out.extend_from_slice(parts.before);
        let table = self.headers.as_deref().or(parts.headers);
        let has_headers = table.is_some() || !self.append.is_empty();
        if has_headers {
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            match table {
                Some(table) if !self.without.is_empty() => {
                    for (name, entry) in properties::entries(table) {
                        if !self.without.iter().any(|gone| gone == name) {
                            out.extend_from_slice(entry);
                        }
                    }
                }
                table => out.extend_from_slice(table.unwrap_or(&[])),
            }
            out.extend_from_slice(&self.append);
            let length = u32::try_from(out.len() - at - 4).ok()?;
            out[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
        out.extend_from_slice(parts.between);
        let reply_to = self.reply_to.as_deref().or(parts.reply_to);
        if let Some(reply_to) = reply_to {
            out.push(reply_to.len() as u8);
            out.extend_from_slice(reply_to);
        }
        let expiration = match &self.expiration {
            Some(expiration) => Some(expiration.as_slice()),
            None => parts.expiration.filter(|_| !self.drop_expiration),
        };
        if let Some(expiration) = expiration {
            out.push(expiration.len() as u8);
            out.extend_from_slice(expiration);
        }
        out.extend_from_slice(parts.after);
        properties::set_flags(&mut out[start..], has_headers, reply_to.is_some(), expiration.is_some());
        Some(())
    }
}

/// Old numbers of arenas or keys, and which they have in the new batch.
struct Renumbered(Vec<u32>);

impl Renumbered {
    fn get(&mut self, old: u32, new: impl FnOnce() -> u32) -> u32 {
        let old = old as usize;
        if old >= self.0.len() {
            self.0.resize(old + 1, UNKNOWN);
        }
        if self.0[old] == UNKNOWN {
            self.0[old] = new();
        }
        self.0[old]
    }
}

/// Writes rows that changed.
struct Writer<'a> {
    pool: &'a Pool,
    /// Names, properties and body of a row.
    data: Vec<u8>,
    /// The row before: its arena, the number of that, where its names begin, its key.
    last: Option<(Arc<Arena>, u32, u32, u32)>,
}

impl Writer<'_> {
    /// What is in `data`. A row shares the names of the one before if it can.
    fn write(&mut self, batch: &mut Batch, key: u32, names_len: usize, properties_len: usize, features: u32) {
        let body_len = self.data.len() - names_len - properties_len;
        let mut spot = Spot { names: 0, names_len, content: 0, properties_len, body_len };
        if let Some((arena, number, names, _)) = self.last.as_ref().filter(|(.., last)| *last == key) {
            if let Some(start) = self.pool.store_in(arena, &[&self.data[names_len..]]) {
                (spot.names, spot.content) = (*names, start);
                return batch.push(Row::new(*number, &spot, features), key);
            }
        }
        let arena = if self.pool.is_large(self.data.len()) {
            self.pool.own(std::mem::take(&mut self.data))
        } else {
            let place = self.pool.store(&[&self.data]);
            spot.names = place.start;
            place.arena
        };
        spot.content = spot.names + names_len as u32;
        let number = match &self.last {
            Some((last, number, ..)) if Arc::ptr_eq(last, &arena) => *number,
            _ => batch.add_arena(&arena),
        };
        batch.push(Row::new(number, &spot, features), key);
        self.last = Some((arena, number, spot.names, key));
    }
}

impl Batch {
    fn add_arena(&mut self, arena: &Arc<Arena>) -> u32 {
        self.arenas.push(Arc::clone(arena));
        self.arenas.len() as u32 - 1
    }

    /// The key of a row in another table.
    fn key_in(&self, table: &mut Table, row: &Row) -> u32 {
        // Names that are stored were checked, so that there is always a key.
        let memory = self.arenas[row.arena as usize].read();
        table.intern(row.names(memory.written()), row.features(), 0).unwrap_or(0)
    }

    /// All rows in their order, changed by the patch of the selection that they are in. The keys are as they were unless
    /// a patch changes names or mandatory. The selections have only rows of this batch.
    pub fn rewrite(&self, pool: &Pool, patches: &[(&Selection, &Patch)]) -> Result<Batch, Unfit> {
        let mut patch_of = vec![0; self.len()];
        for (number, (selection, _)) in (1u32..).zip(patches) {
            let mut overlap = false;
            selection.for_each(|row| {
                let patch = &mut patch_of[row as usize];
                overlap |= *patch != 0;
                *patch = number;
            });
            if overlap {
                return Err(Unfit::Overlap);
            }
        }
        let renamed = patches.iter().any(|(_, patch)| patch.changes_key());
        let keys = if renamed { Arc::default() } else { Arc::clone(&self.keys) };
        let mut batch = Batch::new(self.channel, Arc::clone(&keys));
        batch.reserve(self.len());
        let (mut arenas, mut old_keys) = (Renumbered(Vec::new()), Renumbered(Vec::new()));
        let mut writer = Writer { pool, data: Vec::new(), last: None };
        let mut table = keys.lock();
        let mut key = 0;
        for (index, row) in self.rows.iter().enumerate() {
            let patch = (patch_of[index] as usize).checked_sub(1).map(|number| patches[number].1);
            let gone = if patch.is_some_and(|patch| patch.clear_mandatory) { MANDATORY } else { 0 };
            let Some(patch) = patch.filter(|patch| patch.changes_names() || patch.changes_properties()) else {
                let row = row.with_features(row.features() & !gone);
                key = match renamed {
                    false => self.key_of(index),
                    true if row.features() == self.rows[index].features() => {
                        old_keys.get(self.key_of(index), || self.key_in(&mut table, &row))
                    }
                    true => self.key_in(&mut table, &row),
                };
                let arena = arenas.get(row.arena, || batch.add_arena(&self.arenas[row.arena as usize]));
                batch.push(row.with_arena(arena), key);
                continue;
            };
            let data = &mut writer.data;
            data.clear();
            let memory = self.arenas[row.arena as usize].read();
            patch.put_names(row.names(memory.written()), data);
            let names_len = data.len();
            let list = row.properties(memory.written());
            patch.put_properties(list, data).ok_or(Unfit::Properties)?;
            let own = properties::scan(&data[names_len..]).ok_or(Unfit::Properties)?;
            let properties_len = data.len() - names_len;
            data.extend_from_slice(row.body(memory.written()));
            // The pool may be about to write into this very arena.
            drop(memory);
            if data.len() > i32::MAX as usize {
                return Err(Unfit::Size);
            }
            let features = own | (row.features() & KEY_FEATURES & !gone);
            key = match renamed {
                false => self.key_of(index),
                true => table.intern(&data[..names_len], features, key).map_err(|_| Unfit::NameNotUtf8)?,
            };
            writer.write(&mut batch, key, names_len, properties_len, features);
        }
        drop(table);
        Ok(batch)
    }

    /// The rows of several batches one after the other, where they lie. Their key table is that of all if they have the
    /// same.
    pub fn concat(batches: &[&Batch]) -> Batch {
        let same = batches.windows(2).all(|pair| Arc::ptr_eq(&pair[0].keys, &pair[1].keys));
        let keys = batches.first().filter(|_| same).map(|first| Arc::clone(&first.keys)).unwrap_or_default();
        let mut batch = Batch::new(0, Arc::clone(&keys));
        batch.reserve(batches.iter().map(|part| part.len()).sum());
        let mut table = keys.lock();
        for part in batches {
            let (mut arenas, mut old_keys) = (Renumbered(Vec::new()), Renumbered(Vec::new()));
            for (index, row) in part.rows.iter().enumerate() {
                let mut key = part.key_of(index);
                if !same {
                    key = old_keys.get(key, || part.key_in(&mut table, row));
                }
                let arena = arenas.get(row.arena, || batch.arena(&part.arenas[row.arena as usize]));
                batch.push(row.with_arena(arena), key);
            }
        }
        drop(table);
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Part;
    use crate::properties::{CC, EXPIRATION, HEADERS, PERSISTENT};

    fn part<'a>(properties: &'a [u8], body: &'a [u8]) -> Part<'a> {
        Part { exchange: b"e", routing_key: b"k", properties, body, mandatory: true }
    }

    fn built(pool: &Pool, parts: Vec<Part<'_>>) -> Batch {
        Batch::build(pool, 3, parts.into_iter()).unwrap()
    }

    #[test]
    fn what_is_not_patched_stays_where_it_is() {
        let pool = Pool::new(4096);
        let batch = built(&pool, vec![part(&[0, 0], b"one"), part(&[0, 0], b"two"), part(&[0, 0], b"three")]);
        let patch = Patch { append: b"\x01aV".to_vec(), ..Patch::default() };
        let new = batch.rewrite(&pool, &[(&Selection::one(1), &patch)]).unwrap();
        assert!(Arc::ptr_eq(&new.keys, &batch.keys));
        assert_eq!((new.channel, new.features, new.key()), (3, HEADERS | MANDATORY, Some(0)));
        assert_eq!((new.rows[0].content, new.rows[2].content), (batch.rows[0].content, batch.rows[2].content));
        assert_eq!(new.message(1).unwrap().properties(), b"\x20\x00\x00\x00\x00\x03\x01aV");
        let bodies: Vec<_> = (0..3).map(|row| new.message(row).unwrap().body().to_vec()).collect();
        assert_eq!(bodies, [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
    }

    #[test]
    fn everything_at_once() {
        let pool = Pool::new(4096);
        // Content type, headers (a, CC), delivery mode, expiration, message id; and a flag word that says nothing more.
        let list = b"\xb1\x81\x00\x00\x01t\x00\x00\x00\x0b\x01aV\x02CCA\x00\x00\x00\x00\x02\x019\x01i";
        let batch = built(&pool, vec![part(list, b"body")]);
        assert_eq!(batch.features, PERSISTENT | HEADERS | CC | EXPIRATION | MANDATORY);
        let patch = Patch {
            exchange: Some(b"dlx".to_vec()),
            routing_key: Some(Vec::new()),
            without: vec![b"CC".to_vec(), b"x".to_vec()],
            append: b"\x01bV".to_vec(),
            drop_expiration: true,
            clear_mandatory: true,
            ..Patch::default()
        };
        let new = batch.rewrite(&pool, &[(&Selection::one(0), &patch.checked().unwrap())]).unwrap();
        let message = new.message(0).unwrap();
        assert_eq!((message.exchange(), message.routing_key(), message.body()), (&b"dlx"[..], &b""[..], &b"body"[..]));
        assert_eq!(message.properties(), b"\xb0\x81\x00\x00\x01t\x00\x00\x00\x06\x01aV\x01bV\x02\x01i");
        assert_eq!(message.features, PERSISTENT | HEADERS);
        let patch = Patch { expiration: Some(b"77".to_vec()), headers: Some(Vec::new()), ..Patch::default() };
        let message = new.rewrite(&pool, &[(&Selection::one(0), &patch)]).unwrap().message(0).unwrap();
        assert_eq!(message.properties(), b"\xb1\x81\x00\x00\x01t\x00\x00\x00\x00\x02\x0277\x01i");
    }

    #[test]
    fn rows_written_anew_share_their_names() {
        let pool = Pool::new(1 << 16);
        let batch = built(&pool, (0..10).map(|_| part(&[0, 0], b"x")).collect());
        let patch = Patch { exchange: Some(vec![b'n'; 255]), ..Patch::default() };
        let new = batch.rewrite(&pool, &[(&Selection::range(0, 10), &patch)]).unwrap();
        assert!(new.rows[1..].iter().all(|row| row.size() == 3 && row.names == new.rows[0].names));
        assert_eq!(new.arenas.len(), 1);
        assert_eq!(new.message(9).unwrap().exchange().len(), 255);
    }

    #[test]
    fn several_as_one() {
        let pool = Pool::new(1024);
        let batch = built(&pool, (0..50).map(|_| part(&[0, 0], b"12345")).collect());
        let other = built(&pool, vec![Part { routing_key: b"other", mandatory: false, ..part(&[0, 0], b"x") }]);
        let all = Batch::concat(&[&batch, &other, &batch]);
        assert_eq!((all.len(), all.body_bytes, all.keys.len(), all.key()), (101, 501, 2, None));
        assert_eq!(all.message(50).unwrap().routing_key(), b"other");
        assert!(Arc::ptr_eq(&Batch::concat(&[&batch, &batch]).keys, &batch.keys));
        assert!(Batch::concat(&[]).is_empty());
    }
}
