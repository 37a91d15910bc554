//! Counts what a compiler that keeps each variable's value at each join has to keep: for every block of a function, the
//! distinct local variables that are used in it, blocks within it included. It must never take room by a number that it
//! read.

/// The largest index of a local that is counted: more locals and parameters than any function may have.
const LOCALS_MAX: u32 = 8_192;
const WORD_BITS: u32 = u64::BITS;

/// The blocks of a function that are open, each with the locals used in it so far.
#[derive(Default)]
pub(crate) struct Joins {
    /// One set for each open block, outermost first; sets behind `depth` are room that is used again.
    open: Vec<Vec<u64>>,
    depth: usize,
    /// Joins of the blocks that are closed.
    pub(crate) found: u64,
}

impl Joins {
    /// A block begins.
    pub(crate) fn begin(&mut self) {
        match self.open.get_mut(self.depth) {
            Some(used) => used.clear(),
            None => self.open.push(Vec::new()),
        }
        self.depth += 1;
    }

    /// A local variable is used.
    pub(crate) fn uses(&mut self, local: u32) {
        let Some(used) = self.depth.checked_sub(1).and_then(|inner| self.open.get_mut(inner)) else { return };
        let local = local.min(LOCALS_MAX);
        let word = (local / WORD_BITS) as usize;
        if used.len() <= word {
            used.resize(word + 1, 0);
        }
        used[word] |= 1 << (local % WORD_BITS);
    }

    /// The innermost block ends: its variables join there, and count as used in the block around it.
    pub(crate) fn end(&mut self) {
        let Some(inner) = self.depth.checked_sub(1) else { return };
        self.depth = inner;
        let (outer, ended) = self.open.split_at_mut(inner);
        let ended = &ended[0];
        self.found = self.found.saturating_add(ended.iter().map(|word| u64::from(word.count_ones())).sum());
        let Some(outer) = outer.last_mut() else { return };
        if outer.len() < ended.len() {
            outer.resize(ended.len(), 0);
        }
        outer.iter_mut().zip(ended).for_each(|(outer, ended)| *outer |= ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_joins_once_at_every_block_around_it() {
        let mut joins = Joins::default();
        joins.uses(3);
        joins.begin();
        joins.uses(0);
        joins.begin();
        joins.begin();
        joins.uses(70);
        joins.uses(70);
        joins.end();
        assert_eq!(joins.found, 1);
        joins.uses(0);
        joins.end();
        assert_eq!(joins.found, 3, "0 and 70 in the middle block");
        joins.end();
        assert_eq!(joins.found, 5, "0 and 70 in the outer block");
        joins.begin();
        joins.uses(u32::MAX);
        joins.end();
        joins.end();
        assert_eq!(joins.found, 6, "a set is used again empty, and what was not begun does not end");
    }
}
