//! A container's output: followed into this process's own, and fetched whole for the archive.

use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::{Bytes, Incoming};

use super::{Answer, Docker, DockerError};

/// Which of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Takes Docker's frames apart: one byte stream number, three zero bytes, four bytes length, the payload.
#[derive(Default)]
pub struct Frames {
    head: Vec<u8>,
    left: usize,
    raw: bool,
}

impl Frames {
    /// With a terminal there are no frames.
    pub fn new(tty: bool) -> Self {
        Frames { raw: tty, ..Frames::default() }
    }

    /// Passes on what a chunk of the stream holds.
    pub fn feed(&mut self, mut chunk: &[u8], to: &mut dyn FnMut(Stream, &[u8])) {
        if self.raw {
            to(Stream::Out, chunk);
            return;
        }
        while !chunk.is_empty() {
            if self.left == 0 {
                let missing = (8 - self.head.len()).min(chunk.len());
                if self.head.len() == 8 {
                    self.head.clear();
                    continue;
                }
                self.head.extend_from_slice(&chunk[..missing]);
                chunk = &chunk[missing..];
                if let [_, _, _, _, a, b, c, d] = self.head[..] {
                    self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                    if self.left == 0 {
                        self.head.clear();
                    }
                }
                continue;
            }
            let part = self.left.min(chunk.len());
            let stream = if self.head.first() == Some(&2) { Stream::Err } else { Stream::Out };
            to(stream, &chunk[..part]);
            self.left -= part;
            chunk = &chunk[part..];
            if self.left == 0 {
                self.head.clear();
            }
        }
    }
}

/// A container's output, piece by piece.
pub struct Logs {
    body: Incoming,
    frames: Frames,
}

impl Logs {
    /// The next pieces; `None` at the end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn next(&mut self) -> Answer<Option<Vec<(Stream, Vec<u8>)>>> {
        let Some(frame) = self.body.frame().await else { return Ok(None) };
        let frame = frame.map_err(|e| DockerError::Unreachable(format!("logs: {e}")))?;
        let data: Bytes = frame.into_data().unwrap_or_default();
        let mut pieces = Vec::new();
        self.frames.feed(&data, &mut |stream, piece| pieces.push((stream, piece.to_vec())));
        Ok(Some(pieces))
    }
}

impl Docker {
    /// The output of the container: what there is since `since` (seconds since 1970, 0 for all), and with `follow` what
    /// comes until it ends.
    ///
    /// # Errors
    /// As all calls; a logging driver that cannot be read is a refusal.
    pub async fn logs(&self, id: &str, follow: bool, since: f64, tty: bool) -> Answer<Logs> {
        let follow = u8::from(follow);
        let path = format!("/containers/{id}/logs?stdout=1&stderr=1&follow={follow}&since={since:.6}");
        let body = self.send(Method::GET, &path, None).await?.into_body();
        Ok(Logs { body, frames: Frames::new(tty) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_are_found_however_the_stream_is_cut(
            messages in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..20)), 0..8),
            cut in 1usize..12,
        ) {
            let mut wire = Vec::new();
            let (mut out, mut err) = (Vec::new(), Vec::new());
            for (is_err, data) in &messages {
                wire.extend_from_slice(&[if *is_err { 2 } else { 1 }, 0, 0, 0]);
                wire.extend_from_slice(&(data.len() as u32).to_be_bytes());
                wire.extend_from_slice(data);
                if *is_err { err.extend_from_slice(data) } else { out.extend_from_slice(data) }
            }
            let mut frames = Frames::new(false);
            let (mut got_out, mut got_err) = (Vec::new(), Vec::new());
            for chunk in wire.chunks(cut) {
                frames.feed(chunk, &mut |stream, data| match stream {
                    Stream::Out => got_out.extend_from_slice(data),
                    Stream::Err => got_err.extend_from_slice(data),
                });
            }
            prop_assert_eq!((got_out, got_err), (out, err));
        }
    }
}
