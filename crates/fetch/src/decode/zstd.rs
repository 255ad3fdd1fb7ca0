//! The coding `zstd` (RFC 8878).

use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, Operation as _};

use super::{Broken, Codec, Step, Window};

/// RFC 8878: any number of frames.
pub(super) struct Zstd {
    decoder: ZstdDecoder<'static>,
    /// Whether all frames begun have ended.
    is_between: bool,
}

impl Zstd {
    /// `None` if there is no memory for it.
    pub(super) fn new(window: Window) -> Option<Self> {
        let mut decoder = ZstdDecoder::new().ok()?;
        decoder.set_parameter(DParameter::WindowLogMax(window.bytes_max("zstd").ilog2())).ok()?;
        Some(Self { decoder, is_between: false })
    }
}

impl Codec for Zstd {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Broken> {
        if self.is_between && input.is_empty() {
            return Ok(Step { read: 0, written: 0 });
        }
        let status = self.decoder.run_on_buffers(input, output).map_err(|error| {
            // It tells only in words.
            match error.to_string().contains("too much memory") {
                true => Broken::Window,
                false => Broken::Garbage,
            }
        })?;
        self.is_between = status.remaining == 0;
        Ok(Step { read: status.bytes_read, written: status.bytes_written })
    }

    fn is_complete(&self) -> bool {
        self.is_between
    }
}
