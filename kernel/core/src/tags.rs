//! Which delivery tags of a run are in some state. A run that is all or nothing needs no bits.

use crate::bitmap::{Bitmap, words};
use crate::selection::Selection;

/// Tags of a run that are in some state; most often all or none.
#[derive(Clone, Debug)]
pub enum Tags {
    None,
    All,
    Some(Box<Part>),
}

#[derive(Clone, Debug)]
pub struct Part {
    count: u32,
    bits: Bitmap,
}

impl Tags {
    pub fn count(&self, run: u32) -> u32 {
        match self {
            Tags::None => 0,
            Tags::All => run,
            Tags::Some(part) => part.count,
        }
    }

    pub fn has(&self, place: u32) -> bool {
        match self {
            Tags::None => false,
            Tags::All => true,
            Tags::Some(part) => part.bits.get(place),
        }
    }

    /// The first of them.
    pub fn first(&self) -> Option<u32> {
        match self {
            Tags::None => None,
            Tags::All => Some(0),
            Tags::Some(part) => part.bits.first(),
        }
    }

    pub fn is_none(&self) -> bool {
        matches!(self, Tags::None)
    }

    pub fn of(bits: Bitmap, run: u32) -> Tags {
        match bits.count() {
            0 => Tags::None,
            count if count == run => Tags::All,
            count => Tags::Some(Box::new(Part { count, bits })),
        }
    }

    pub fn into_bits(self, run: u32) -> Bitmap {
        match self {
            Tags::None => Bitmap::default(),
            Tags::All => Bitmap::filled(run),
            Tags::Some(part) => part.bits,
        }
    }

    /// Take one tag, which must be there.
    pub fn remove(&mut self, place: u32, run: u32) {
        match self {
            Tags::Some(part) if part.count == 1 => *self = Tags::None,
            Tags::Some(part) => {
                part.bits.clear(place);
                part.count -= 1;
            }
            _ if run == 1 => *self = Tags::None,
            _ => {
                let mut bits = Bitmap::filled(run);
                bits.clear(place);
                *self = Tags::Some(Box::new(Part { count: run - 1, bits }));
            }
        }
    }

    /// Add one tag, which must not be there.
    pub fn insert(&mut self, place: u32, run: u32) {
        match self {
            Tags::Some(part) => {
                part.bits.set(place);
                part.count += 1;
                if part.count == run {
                    *self = Tags::All;
                }
            }
            _ => {
                let mut bits = Bitmap::default();
                bits.set(place);
                *self = Tags::of(bits, run);
            }
        }
    }

    /// Move the tags at places up to `last` to another set of the same run, which has none of them; how many. Touches
    /// no more than these places, so that acknowledging a run tag by tag stays cheap.
    pub fn move_through(&mut self, to: &mut Tags, last: u32, run: u32) -> u32 {
        if self.is_none() || last + 1 >= run {
            let taken = std::mem::replace(self, Tags::None);
            let count = taken.count(run);
            *to = std::mem::replace(to, Tags::None).union(taken, run);
            return count;
        }
        let (from, into) = (self.part(run), to.part(run));
        into.bits.cover(last + 1);
        let mut count = 0;
        for (index, mask) in words(0, last + 1) {
            let Some(bits) = from.bits.words_mut().get_mut(index) else {
                break;
            };
            let taken = *bits & mask;
            *bits ^= taken;
            into.bits.words_mut()[index] |= taken;
            count += taken.count_ones();
        }
        from.count -= count;
        into.count += count;
        self.tidy(run);
        to.tidy(run);
        count
    }

    /// As bits, whatever they are; `tidy` has to follow.
    fn part(&mut self, run: u32) -> &mut Part {
        if !matches!(self, Tags::Some(_)) {
            let count = self.count(run);
            let bits = std::mem::replace(self, Tags::None).into_bits(run);
            *self = Tags::Some(Box::new(Part { count, bits }));
        }
        match self {
            Tags::Some(part) => part,
            _ => unreachable!("they were made bits above"),
        }
    }

    fn tidy(&mut self, run: u32) {
        match self {
            Tags::Some(part) if part.count == 0 => *self = Tags::None,
            Tags::Some(part) if part.count == run => *self = Tags::All,
            _ => {}
        }
    }

    pub fn union(self, other: Tags, run: u32) -> Tags {
        match (self, other) {
            (Tags::None, tags) | (tags, Tags::None) => tags,
            (Tags::All, _) | (_, Tags::All) => Tags::All,
            (left, right) => {
                let mut bits = left.into_bits(run);
                right.into_bits(run).for_each_run(|start, len| bits.set_range(start, len));
                Tags::of(bits, run)
            }
        }
    }

    /// The rows of the tags.
    pub fn rows(&self, selection: &Selection) -> Selection {
        match self {
            Tags::None => Selection::EMPTY,
            Tags::All => selection.clone(),
            Tags::Some(part) => selection.pick(&part.bits),
        }
    }
}
