//! The coding `br` (RFC 7932).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Broken, Codec, Step, Window};

/// RFC 7932.
pub(super) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    ended: bool,
    window: Window,
    /// By its first byte, once that has come.
    window_log: Option<u8>,
}

impl Brotli {
    pub(super) fn new(window: Window) -> Self {
        let alloc = StandardAlloc::default;
        let state = Box::new(BrotliState::new_strict(alloc(), alloc(), alloc()));
        Self { state, ended: false, window, window_log: None }
    }
}

/// The window that a stream asks for, by its first byte (RFC 7932 section 9.1): 2 to the power of this.
fn window_log(first: u8) -> u8 {
    match (first & 1, (first >> 1) & 7, (first >> 4) & 7) {
        (0, ..) => 16,
        (_, 0, 0) => 17,
        (_, 0, more) => 8 + more,
        (_, more, _) => 17 + more,
    }
}

impl Codec for Brotli {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Broken> {
        if self.ended {
            return Ok(Step { read: input.len(), written: 0 });
        }
        if let (None, Some(&first)) = (self.window_log, input.first()) {
            let log = *self.window_log.insert(window_log(first));
            if self.window == Window::Nested && log > Window::NESTED_LOG_MAX {
                return Err(Broken::Window);
            }
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
            BrotliResult::ResultFailure => return Err(Broken::Garbage),
            BrotliResult::ResultSuccess => self.ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        Ok(step)
    }

    fn is_complete(&self) -> bool {
        self.ended
    }

    fn window_bytes_asked(&self) -> Option<u64> {
        // Its ring grows by copying: the one before is there as well.
        self.window_log.map(|log| 2 << log)
    }
}
