//! Ledgers: what is unacknowledged on one channel. A deque of runs of consecutive delivery tags; a tag is found by
//! bisection, and acknowledging everything up to a tag takes whole runs off the front.
//!
//! `H` is what a run belongs to (the consumer and the extent); it is handed back with the settled rows.

use std::collections::VecDeque;

use crate::selection::Selection;
use crate::tags::Tags;

#[derive(Debug)]
struct Run<H> {
    first: u64,
    len: u32,
    /// Its place among what the call under way has touched, plus one; 0: not touched.
    touched: u32,
    outstanding: Tags,
    held: Tags,
    /// None once nothing is outstanding or held.
    owner: Option<(H, Selection)>,
}

impl<H> Run<H> {
    fn is_over(&self) -> bool {
        self.outstanding.is_none() && self.held.is_none()
    }

    fn last(&self) -> u64 {
        self.first + u64::from(self.len - 1)
    }

    /// The lowest tag that is outstanding.
    fn oldest(&self) -> Option<u64> {
        self.outstanding.first().map(|place| self.first + u64::from(place))
    }
}

/// The runs that one call has settled tags of, by their index.
#[derive(Default)]
struct Touched {
    runs: Vec<(usize, Tags)>,
    unsorted: bool,
}

/// Rows that a call settled, by what they belong to.
pub type Portions<H> = Vec<(H, Selection)>;

#[derive(Debug)]
pub struct Ledger<H> {
    runs: VecDeque<Run<H>>,
    /// Runs in the deque that are over: they wait until they are at an end of it, or there are too many.
    over: usize,
    /// No run before this one has anything outstanding.
    first_live: usize,
    /// The first tags of the runs that have something held, in no order: a transaction ends without a look at others.
    held: Vec<u64>,
    outstanding: u64,
    /// Tags must be above this.
    last_tag: u64,
}

impl<H> Default for Ledger<H> {
    fn default() -> Self {
        Ledger { runs: VecDeque::new(), over: 0, first_live: 0, held: Vec::new(), outstanding: 0, last_tag: 0 }
    }
}

/// Tags do not ascend, or pass the end of the numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct BadTag;

impl<H> Ledger<H> {
    /// Messages outstanding, held ones not counted.
    pub fn len(&self) -> usize {
        self.outstanding as usize
    }

    pub fn is_empty(&self) -> bool {
        self.outstanding == 0
    }

    /// Everything in it that a garbage collector may want to see.
    pub fn owners(&self) -> impl Iterator<Item = &H> {
        self.runs.iter().filter_map(|run| run.owner.as_ref().map(|(owner, _)| owner))
    }

    pub fn add(&mut self, first: u64, owner: H, selection: Selection) -> Result<(), BadTag> {
        let Ok(len) = u32::try_from(selection.len()) else {
            return Err(BadTag);
        };
        if first <= self.last_tag {
            return Err(BadTag);
        }
        if len == 0 {
            return Ok(());
        }
        self.last_tag = first.checked_add(u64::from(len - 1)).ok_or(BadTag)?;
        self.outstanding += u64::from(len);
        self.runs.push_back(Run {
            first,
            len,
            touched: 0,
            outstanding: Tags::All,
            held: Tags::None,
            owner: Some((owner, selection)),
        });
        Ok(())
    }

    /// The run that a tag is in, outstanding or not, and its place there.
    fn find(&self, tag: u64) -> Option<(usize, u32)> {
        let index = self.runs.partition_point(|run| run.first <= tag).checked_sub(1)?;
        let run = &self.runs[index];
        (tag <= run.last()).then(|| (index, (tag - run.first) as u32))
    }

    /// The run and place of a tag that is outstanding. `near` is a run where it may be.
    fn find_outstanding(&self, tag: u64, near: usize) -> Option<(usize, u32)> {
        let found = match self.runs.get(near) {
            Some(run) if run.first <= tag && tag <= run.last() => (near, (tag - run.first) as u32),
            _ => self.find(tag)?,
        };
        self.runs[found.0].outstanding.has(found.1).then_some(found)
    }

    /// Resolve tags in order: the rows of each run that was touched, in tag order, and the first tag that is unknown.
    pub fn settle(
        &mut self,
        items: impl IntoIterator<Item = (u64, bool)>,
        hold: bool,
        share: impl Fn(&H) -> H,
    ) -> (Portions<H>, Option<u64>) {
        let mut touched = Touched::default();
        let mut unknown = None;
        let mut near = self.first_live;
        for (tag, multiple) in items {
            if tag == 0 && multiple {
                (self.first_live..self.runs.len()).for_each(|index| self.settle_through(index, u32::MAX, &mut touched));
                self.first_live = self.runs.len();
                continue;
            }
            let Some((index, place)) = self.find_outstanding(tag, near) else {
                unknown = Some(tag);
                break;
            };
            if multiple {
                (self.first_live..index).for_each(|before| self.settle_through(before, u32::MAX, &mut touched));
                self.first_live = index;
                self.settle_through(index, place, &mut touched);
            } else {
                let len = self.runs[index].len;
                self.outstanding -= 1;
                self.runs[index].outstanding.remove(place, len);
                self.touch(index, &mut touched).insert(place, len);
            }
            // Acks in order go on in this run or the next.
            near = if place + 1 == self.runs[index].len { index + 1 } else { index };
        }
        if touched.unsorted {
            touched.runs.sort_unstable_by_key(|(index, _)| *index);
        }
        let portions = touched.runs.into_iter().filter_map(|(index, tags)| self.portion(index, tags, hold, &share));
        let portions = portions.collect();
        self.tidy();
        (portions, unknown)
    }

    /// What the call under way has settled of a run so far.
    fn touch<'a>(&mut self, index: usize, touched: &'a mut Touched) -> &'a mut Tags {
        let run = &mut self.runs[index];
        if run.touched == 0 {
            touched.unsorted |= touched.runs.last().is_some_and(|(last, _)| *last > index);
            touched.runs.push((index, Tags::None));
            run.touched = touched.runs.len() as u32;
        }
        &mut touched.runs[run.touched as usize - 1].1
    }

    /// Settle what is outstanding in a run through a place (all, if that is past its end).
    fn settle_through(&mut self, index: usize, place: u32, touched: &mut Touched) {
        let run = &mut self.runs[index];
        if run.outstanding.is_none() {
            return;
        }
        let len = run.len;
        let mut outstanding = std::mem::replace(&mut run.outstanding, Tags::None);
        let settled = self.touch(index, touched);
        let count = outstanding.move_through(settled, place.min(len - 1), len);
        self.runs[index].outstanding = outstanding;
        self.outstanding -= u64::from(count);
    }

    /// The rows that a call has settled of a run; the run's own if nothing is left in it.
    fn portion(&mut self, index: usize, tags: Tags, hold: bool, share: impl Fn(&H) -> H) -> Option<(H, Selection)> {
        let run = &mut self.runs[index];
        run.touched = 0;
        if hold {
            let held = std::mem::replace(&mut run.held, Tags::None);
            if held.is_none() {
                self.held.push(run.first);
            }
            run.held = held.union(tags.clone(), run.len);
        }
        if !run.is_over() {
            return run.owner.as_ref().map(|(owner, selection)| (share(owner), tags.rows(selection)));
        }
        self.over += 1;
        let (owner, selection) = run.owner.take()?;
        let rows = if matches!(tags, Tags::All) { selection } else { tags.rows(&selection) };
        Some((owner, rows))
    }

    /// Drop runs that are over.
    fn tidy(&mut self) {
        while self.runs.front().is_some_and(Run::is_over) {
            self.runs.pop_front();
            self.over -= 1;
            self.first_live = self.first_live.saturating_sub(1);
        }
        while self.runs.back().is_some_and(Run::is_over) {
            self.runs.pop_back();
            self.over -= 1;
        }
        if self.over > 16 && self.over > self.runs.len() / 2 {
            self.runs.retain(|run| !run.is_over());
            self.over = 0;
            self.first_live = 0;
        }
        self.first_live = self.first_live.min(self.runs.len());
        if self.runs.is_empty() {
            self.runs.shrink_to(8);
        }
    }

    /// The lowest tag that is outstanding.
    pub fn oldest(&mut self) -> Option<u64> {
        while self.runs.get(self.first_live).is_some_and(|run| run.outstanding.is_none()) {
            self.first_live += 1;
        }
        self.runs.get(self.first_live)?.oldest()
    }

    /// Whose the runs are that have a tag outstanding below this one, in tag order.
    pub fn owners_before(&self, tag: u64) -> impl Iterator<Item = &H> {
        let early = self.runs.range(self.first_live..).take_while(move |run| run.first < tag);
        let early = early.filter(move |run| run.oldest().is_some_and(|oldest| oldest < tag));
        early.filter_map(|run| run.owner.as_ref().map(|(owner, _)| owner))
    }

    /// Remove everything that is outstanding (and not held) of runs with such an owner, in tag order.
    pub fn withdraw(&mut self, is_owner: impl Fn(&H) -> bool, share: impl Fn(&H) -> H) -> Portions<H> {
        let mut portions = Vec::new();
        for index in self.first_live..self.runs.len() {
            let run = &mut self.runs[index];
            if run.outstanding.is_none() || !run.owner.as_ref().is_some_and(|(owner, _)| is_owner(owner)) {
                continue;
            }
            let tags = std::mem::replace(&mut run.outstanding, Tags::None);
            self.outstanding -= u64::from(tags.count(run.len));
            portions.extend(self.portion(index, tags, false, &share));
        }
        self.tidy();
        portions
    }

    /// Forget what is held.
    pub fn commit(&mut self) {
        for first in std::mem::take(&mut self.held) {
            let Some((index, _)) = self.find(first) else {
                continue;
            };
            let run = &mut self.runs[index];
            let held = std::mem::replace(&mut run.held, Tags::None);
            if !held.is_none() && run.is_over() {
                run.owner = None;
                self.over += 1;
            }
        }
        self.tidy();
    }

    /// What is held is outstanding again.
    pub fn rollback(&mut self) {
        for first in std::mem::take(&mut self.held) {
            let Some((index, _)) = self.find(first) else {
                continue;
            };
            let run = &mut self.runs[index];
            let held = std::mem::replace(&mut run.held, Tags::None);
            self.outstanding += u64::from(held.count(run.len));
            let outstanding = std::mem::replace(&mut run.outstanding, Tags::None);
            run.outstanding = outstanding.union(held, run.len);
            self.first_live = self.first_live.min(index);
        }
    }

    /// All that is outstanding or held, in tag order.
    pub fn drain(&mut self) -> Portions<H> {
        self.rollback();
        self.outstanding = 0;
        self.over = 0;
        let mut portions = Vec::with_capacity(self.runs.len());
        for run in std::mem::take(&mut self.runs) {
            if let Some((owner, selection)) = run.owner {
                portions.push((owner, run.outstanding.rows(&selection)));
            }
        }
        portions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger<char> {
        let mut ledger = Ledger::default();
        ledger.add(1, 'a', Selection::range(10, 5)).unwrap();
        ledger.add(6, 'b', Selection::one(3)).unwrap();
        ledger.add(10, 'c', [0, 1, 5, 9].into_iter().collect()).unwrap();
        ledger
    }

    fn settle(ledger: &mut Ledger<char>, items: &[(u64, bool)], hold: bool) -> (String, Option<u64>) {
        let (portions, unknown) = ledger.settle(items.iter().copied(), hold, |owner| *owner);
        let text = |(owner, rows): &(char, Selection)| format!("{owner}{:?}", rows.iter().collect::<Vec<_>>());
        (portions.iter().map(text).collect::<Vec<_>>().join(" "), unknown)
    }

    #[test]
    fn tags_ascend() {
        let mut ledger = ledger();
        assert_eq!(ledger.add(13, 'd', Selection::one(0)), Err(BadTag));
        assert_eq!(ledger.add(u64::MAX, 'd', Selection::range(0, 2)), Err(BadTag));
        assert_eq!(ledger.len(), 10);
    }

    #[test]
    fn singles_and_multiples() {
        let mut ledger = ledger();
        assert_eq!(settle(&mut ledger, &[(11, false), (2, false), (10, false)], false), ("a[11] c[0, 1]".into(), None));
        assert_eq!(settle(&mut ledger, &[(2, false)], false), (String::new(), Some(2)));
        assert_eq!(settle(&mut ledger, &[(11, true)], false), (String::new(), Some(11)));
        assert_eq!(settle(&mut ledger, &[(7, true)], false), (String::new(), Some(7)));
        assert_eq!(settle(&mut ledger, &[(0, false)], false), (String::new(), Some(0)));
        assert_eq!(
            settle(&mut ledger, &[(5, false), (12, true), (12, true)], false),
            ("a[10, 12, 13, 14] b[3] c[5]".into(), Some(12))
        );
        assert_eq!(ledger.len(), 1);
        assert_eq!(settle(&mut ledger, &[(0, true), (0, true)], false), ("c[9]".into(), None));
        assert!(ledger.is_empty() && ledger.runs.is_empty());
        assert_eq!(ledger.add(13, 'd', Selection::one(0)), Err(BadTag));
    }

    #[test]
    fn held_tags_come_back() {
        let mut ledger = ledger();
        assert_eq!(settle(&mut ledger, &[(5, true), (12, false)], true), ("a[10, 11, 12, 13, 14] c[5]".into(), None));
        assert_eq!(settle(&mut ledger, &[(3, false)], true), (String::new(), Some(3)));
        assert_eq!(ledger.len(), 4);
        ledger.rollback();
        assert_eq!(ledger.len(), 10);
        assert_eq!(settle(&mut ledger, &[(4, false)], false), ("a[13]".into(), None));
        assert_eq!(settle(&mut ledger, &[(5, true)], true), ("a[10, 11, 12, 14]".into(), None));
        ledger.commit();
        assert_eq!(settle(&mut ledger, &[(6, true)], true), ("b[3]".into(), None));
        let drained = ledger.drain();
        assert_eq!(drained.iter().map(|(owner, rows)| (*owner, rows.len())).collect::<Vec<_>>(), [('b', 1), ('c', 4)]);
        assert!(ledger.is_empty());
    }

    #[test]
    fn a_transaction_ends_without_a_look_at_what_it_did_not_touch() {
        let mut ledger = Ledger::default();
        for tag in 1..=200_000u64 {
            ledger.add(tag, 'a', Selection::one(0)).unwrap();
        }
        let start = std::time::Instant::now();
        for tag in 1..=20_000 {
            assert_eq!(ledger.settle([(tag, false), (200_001 - tag, false)], true, |owner| *owner).0.len(), 2);
            ledger.rollback();
            ledger.commit();
        }
        // Some 10 ms; a walk over all runs each time took a minute.
        assert!(start.elapsed().as_secs() < 5);
        assert_eq!((ledger.len(), ledger.held.len()), (200_000, 0));
    }

    #[test]
    fn a_run_that_is_settled_tag_by_tag() {
        for len in [1, 2, 63, 64, 65, 200] {
            let mut ledger = Ledger::default();
            ledger.add(1, 'a', Selection::range(0, len)).unwrap();
            ledger.add(1 + u64::from(len), 'b', Selection::one(9)).unwrap();
            let every: Vec<_> = (1..=u64::from(len)).map(|tag| (tag, true)).collect();
            for items in every.chunks(7) {
                let (portions, unknown) = ledger.settle(items.iter().copied(), false, |owner| *owner);
                assert_eq!((portions.len(), unknown), (1, None));
                let first = items[0].0 as u32 - 1;
                assert_eq!(portions[0].1, Selection::range(first, items.len() as u32));
            }
            assert_eq!((ledger.len(), ledger.runs.len()), (1, 1));
        }
    }

    #[test]
    fn the_oldest_and_whose_it_is() {
        let mut ledger = ledger();
        let before = |ledger: &Ledger<char>, tag| ledger.owners_before(tag).collect::<String>();
        assert_eq!((ledger.oldest(), before(&ledger, 1), before(&ledger, 2)), (Some(1), "".into(), "a".into()));
        settle(&mut ledger, &[(2, true), (10, false)], true);
        assert_eq!((ledger.oldest(), before(&ledger, 3), before(&ledger, 7)), (Some(3), "".into(), "ab".into()));
        assert_eq!((before(&ledger, 11), before(&ledger, 12)), ("ab".into(), "abc".into()));
        let rows = ledger.withdraw(|owner| *owner == 'a', |owner| *owner);
        assert_eq!(rows, [('a', Selection::range(12, 3))]);
        assert_eq!((ledger.len(), ledger.oldest()), (4, Some(6)));
        assert_eq!(settle(&mut ledger, &[(3, false)], false), (String::new(), Some(3)));
        ledger.rollback();
        assert_eq!((ledger.len(), ledger.oldest()), (7, Some(1)));
        assert_eq!(ledger.withdraw(|_| true, |owner| *owner).len(), 3);
        assert!(ledger.is_empty() && ledger.runs.is_empty() && ledger.oldest().is_none());
    }

    #[test]
    fn runs_that_are_over_do_not_pile_up() {
        let mut ledger = Ledger::default();
        for tag in 1..=1000u64 {
            ledger.add(tag, 'a', Selection::one(tag as u32)).unwrap();
        }
        for tag in (2..=999).rev() {
            assert_eq!(ledger.settle([(tag, false)], false, |owner| *owner).0.len(), 1);
        }
        assert!(ledger.runs.len() < 40);
        assert_eq!(ledger.settle([(1000, true)], false, |owner| *owner).0.len(), 2);
    }
}
