//! What one push has made of each channel so far, so that interleaved channels do not split their batches.

use std::collections::BTreeMap;

/// Which event of this push each channel may still add to.
#[derive(Default)]
pub struct Turn {
    last: Option<(u16, usize)>,
    others: BTreeMap<u16, usize>,
}

impl Turn {
    #[inline]
    pub fn get(&mut self, channel: u16) -> Option<usize> {
        match self.last {
            Some((last, event)) if last == channel => Some(event),
            _ => self.switch(channel),
        }
    }

    fn switch(&mut self, channel: u16) -> Option<usize> {
        let event = self.others.remove(&channel);
        if let Some(event) = event {
            self.set(channel, event);
        }
        event
    }

    pub fn set(&mut self, channel: u16, event: usize) {
        if let Some((last, before)) = self.last.replace((channel, event)) {
            if last != channel {
                self.others.insert(last, before);
            }
        }
    }

    pub fn close(&mut self, channel: u16) {
        if self.get(channel).is_some() {
            self.last = None;
        }
    }
}
