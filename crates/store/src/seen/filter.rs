//! A Bloom filter of fixed size: most of what is not there is known at one glance.

/// Bits of one cache line: all bits of a fingerprint are in one.
const BLOCK_BITS: u32 = 512;
const WORDS: usize = BLOCK_BITS as usize / 64;
/// Bits set for each fingerprint.
const BITS: u32 = 6;

pub(super) struct Filter {
    blocks: Box<[[u64; WORDS]]>,
}

impl Filter {
    pub(super) fn new(bytes: usize) -> Self {
        let blocks = (bytes / size_of::<[u64; WORDS]>()).max(1);
        Self { blocks: vec![[0; WORDS]; blocks].into() }
    }

    pub(super) fn insert(&mut self, fingerprint: u128) {
        let block = self.block_of(fingerprint);
        for (word, bit) in bits(fingerprint) {
            self.blocks[block][word] |= bit;
        }
    }

    /// False only for what was never inserted.
    pub(super) fn may_contain(&self, fingerprint: u128) -> bool {
        let block = &self.blocks[self.block_of(fingerprint)];
        bits(fingerprint).all(|(word, bit)| block[word] & bit != 0)
    }

    fn block_of(&self, fingerprint: u128) -> usize {
        // The upper half, scaled to the number of blocks.
        let upper = fingerprint >> 64;
        ((upper * self.blocks.len() as u128) >> 64) as usize
    }
}

/// The bits of a fingerprint within its block, from its lower half: the upper one chose the block.
fn bits(fingerprint: u128) -> impl Iterator<Item = (usize, u64)> {
    (0..BITS).map(move |n| {
        let place = (fingerprint >> (9 * n)) as u32 % BLOCK_BITS;
        ((place / 64) as usize, 1 << (place % 64))
    })
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_128;

    use super::*;

    #[test]
    fn what_is_in_it_is_found_and_little_else() {
        let key = |n: u32| xxh3_128(&n.to_le_bytes());
        // Ten bits for each.
        let mut filter = Filter::new(100_000 * 10 / 8);
        (0..100_000).for_each(|n| filter.insert(key(n)));
        assert!((0..100_000).all(|n| filter.may_contain(key(n))));
        let wrong = (100_000..200_000).filter(|&n| filter.may_contain(key(n))).count();
        assert!(wrong < 2_000, "{wrong} of 100000");
    }
}
