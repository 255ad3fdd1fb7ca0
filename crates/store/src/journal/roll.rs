//! What the inputs say, hashed as they are read: a changed input is found block by block.

use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::{BLOCK_ITEMS, Block};

/// The hash of the inputs read so far, in blocks.
#[derive(Clone)]
pub struct Roll {
    block: u64,
    items: u64,
    hash: Xxh3,
    source: Arc<str>,
    line: u64,
}

impl Default for Roll {
    fn default() -> Self {
        Self { block: 0, items: 0, hash: Xxh3::new(), source: "".into(), line: 0 }
    }
}

impl Roll {
    /// Takes in what is no input and decides what those behind it mean: the header of a table.
    pub fn note(&mut self, text: &[u8]) {
        self.hash.update(&(text.len() as u64).to_le_bytes());
        self.hash.update(text);
    }

    /// Takes in the next input; the block, if this was its last one.
    pub fn item(&mut self, text: &[u8], source: Option<&Arc<str>>, line: u64) -> Option<Block> {
        if self.items == 0 {
            self.line = line;
            if self.source.as_ref() != source.map_or("", |source| source) {
                self.source = source.cloned().unwrap_or_default();
            }
        }
        self.note(text);
        self.items += 1;
        if self.items < BLOCK_ITEMS {
            return None;
        }
        let block = self.block();
        self.block += 1;
        self.items = 0;
        self.hash.reset();
        block
    }

    /// Inputs taken in.
    pub fn inputs(&self) -> u64 {
        self.block * BLOCK_ITEMS + self.items
    }

    /// The block that is not full yet, if anything is in it.
    pub fn block(&self) -> Option<Block> {
        (self.items > 0).then(|| Block {
            block: self.block,
            items: self.items,
            hash: self.hash.digest(),
            source: Arc::clone(&self.source),
            line: self.line,
        })
    }
}
