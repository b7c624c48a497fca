//! The daemon's stream of a container's output: frames of a type, a length and so many bytes.

use std::fs::File;
use std::io::{self, Write};

/// Type (1 byte), three zeros, length (4 bytes, big-endian).
const HEADER: usize = 8;

/// Divides the stream into the two files, however it is cut into chunks.
#[derive(Debug)]
pub struct Demultiplexer<W> {
    stdout: W,
    stderr: W,
    header: Vec<u8>,
    /// Bytes of the present frame that are still to come.
    left: usize,
    to_stderr: bool,
}

impl Demultiplexer<File> {
    /// Writes to these files.
    pub fn into_files(stdout: File, stderr: File) -> Self {
        Demultiplexer::new(stdout, stderr)
    }
}

impl<W: Write> Demultiplexer<W> {
    fn new(stdout: W, stderr: W) -> Self {
        Demultiplexer { stdout, stderr, header: Vec::with_capacity(HEADER), left: 0, to_stderr: false }
    }

    /// Takes the next bytes of the stream.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn take(&mut self, mut chunk: &[u8]) -> io::Result<()> {
        while !chunk.is_empty() {
            if self.left == 0 {
                let (part, rest) = chunk.split_at(chunk.len().min(HEADER - self.header.len()));
                self.header.extend_from_slice(part);
                chunk = rest;
                if let [kind, _, _, _, a, b, c, d] = self.header[..] {
                    self.to_stderr = kind == 2;
                    self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.header.clear();
                }
            } else {
                let (part, rest) = chunk.split_at(chunk.len().min(self.left));
                let file = if self.to_stderr { &mut self.stderr } else { &mut self.stdout };
                file.write_all(part)?;
                self.left -= part.len();
                chunk = rest;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_cut_of_the_stream_gives_the_same_files(
            frames in prop::collection::vec((prop::bool::ANY, prop::collection::vec(prop::num::u8::ANY, 0..40)), 0..12),
            cut in 1usize..30,
        ) {
            let (mut stream, mut expected) = (Vec::<u8>::new(), [Vec::<u8>::new(), Vec::new()]);
            for (stderr, bytes) in &frames {
                stream.extend([1 + u8::from(*stderr), 0, 0, 0]);
                stream.extend((bytes.len() as u32).to_be_bytes());
                stream.extend(bytes);
                expected[usize::from(*stderr)].extend(bytes);
            }
            let mut demultiplexer = Demultiplexer::new(Vec::new(), Vec::new());
            for chunk in stream.chunks(cut) {
                demultiplexer.take(chunk).unwrap();
            }
            prop_assert_eq!([demultiplexer.stdout, demultiplexer.stderr], expected);
        }
    }
}
