use std::io::{self, Read};

use ruzstd::decoding::StreamingDecoder;

use super::{Seekable, Stream};

/// Memory that xz may ask for, in KiB: that of `xz -9` (a dictionary of 64 MiB) and a little more.
const XZ_MEMORY: u32 = 66 << 10;

/// The window of zstd in bytes: as large as the program itself reads when it is not told otherwise. Source: zstd(1), `--memory`.
const ZSTD_WINDOW: u64 = 128 << 20;

/// What an archive is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Xz,
    Zstd,
}

impl Compression {
    pub fn decoder(self, raw: Box<dyn Seekable>) -> Stream {
        match self {
            Self::None => Box::new(raw),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(raw)),
            Self::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(raw, true, XZ_MEMORY)),
            Self::Zstd => Box::new(Frames { frame: None, rest: Some(raw) }),
        }
    }
}

/// All frames of zstd, one after the other: several programs write more than one.
struct Frames {
    frame: Option<Frame>,
    rest: Option<Box<dyn Seekable>>,
}

type Frame = StreamingDecoder<Box<dyn Seekable>, ruzstd::decoding::FrameDecoder>;

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                match frame.read(buffer)? {
                    0 if !buffer.is_empty() => self.rest = self.frame.take().map(StreamingDecoder::into_inner),
                    read => return Ok(read),
                }
            }
            let Some(mut rest) = self.rest.take() else { return Ok(0) };
            if is_at_end(&mut *rest)? {
                return Ok(0);
            }
            let frame = StreamingDecoder::new_with_max_window_size(rest, ZSTD_WINDOW);
            self.frame = Some(frame.map_err(io::Error::other)?);
        }
    }
}

fn is_at_end(raw: &mut dyn Seekable) -> io::Result<bool> {
    let mut one = [0];
    if raw.read(&mut one)? == 0 {
        return Ok(true);
    }
    raw.seek_relative(-1).map(|()| false)
}
