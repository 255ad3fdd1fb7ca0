//! The coding `br` (RFC 7932).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Broken, Codec, Step};

/// RFC 7932.
pub(super) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let alloc = StandardAlloc::default;
        Self { state: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())), ended: false }
    }
}

impl Codec for Brotli {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Broken> {
        if self.ended {
            return Ok(Step { read: input.len(), written: 0 });
        }
        let (mut available_in, mut available_out) = (input.len(), output.len());
        let mut step = Step { read: 0, written: 0 };
        let mut total = 0;
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut step.read,
            input,
            &mut available_out,
            &mut step.written,
            output,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => return Err(Broken),
            BrotliResult::ResultSuccess => self.ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        Ok(step)
    }

    fn is_complete(&self) -> bool {
        self.ended
    }
}
