//! Lines from a peer that may send none, or one without end.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::PoolError;

/// Longest line taken, in bytes; the longest honest one has about 1000.
pub const LINE_BYTES_MAX: usize = 1 << 16;
/// Bytes asked for at once.
const CHUNK_BYTES: usize = 4096;

/// Splits a stream into lines, in at most [`LINE_BYTES_MAX`] and a chunk of memory.
#[derive(Debug)]
pub struct LineReader<R> {
    stream: R,
    buffer: Vec<u8>,
    /// Where the first line not yet given begins.
    begin: usize,
    /// Up to here no line ends.
    searched: usize,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    /// Nothing read yet.
    pub fn new(stream: R) -> LineReader<R> {
        LineReader { stream, buffer: Vec::new(), begin: 0, searched: 0 }
    }

    /// The next line without its end (`\n` or `\r\n`). What was read stays when the wait is given up.
    ///
    /// **Errors**: [`PoolError::TooLong`]; [`PoolError::Connection`], also at the end of the stream, where
    /// an unended line is none.
    pub async fn next(&mut self) -> Result<&[u8], PoolError> {
        loop {
            if let Some(at) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') {
                let (begin, end) = (self.begin, self.searched + at);
                (self.begin, self.searched) = (end + 1, end + 1);
                let line = &self.buffer[begin..end];
                return Ok(line.strip_suffix(b"\r").unwrap_or(line));
            }
            self.buffer.drain(..self.begin);
            (self.begin, self.searched) = (0, self.buffer.len());
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(PoolError::TooLong { limit: LINE_BYTES_MAX });
            }
            self.buffer.reserve(CHUNK_BYTES);
            let mut chunk = (&mut self.stream).take(CHUNK_BYTES as u64);
            let count = chunk.read_buf(&mut self.buffer).await;
            let failed = |source| PoolError::Connection { doing: "read", source };
            if count.map_err(failed)? == 0 {
                return Err(failed(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "Clippy sees tests only in functions marked so")]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn lines_come_whole_however_they_were_sent() {
        run(async {
            let (mut peer, stream) = tokio::io::duplex(64);
            let mut lines = LineReader::new(stream);
            let sender = tokio::spawn(async move {
                for part in ["a", "b\r", "\n\nlong", " line\nrest"] {
                    peer.write_all(part.as_bytes()).await.unwrap();
                    tokio::task::yield_now().await;
                }
            });
            for expected in ["ab", "", "long line"] {
                assert_eq!(lines.next().await.unwrap(), expected.as_bytes());
            }
            assert!(matches!(lines.next().await, Err(PoolError::Connection { .. })), "an unended line is none");
            sender.await.unwrap();
        });
    }

    #[test]
    fn a_line_without_end_is_refused_in_bounded_memory() {
        run(async {
            let mut lines = LineReader::new(tokio::io::repeat(b'x'));
            assert!(matches!(lines.next().await, Err(PoolError::TooLong { limit: LINE_BYTES_MAX })));
            assert!(lines.buffer.capacity() <= 4 * LINE_BYTES_MAX);
        });
    }

    #[test]
    fn the_longest_line_is_taken() {
        run(async {
            let text = ["y".repeat(LINE_BYTES_MAX - 1), "\nz\n".to_owned()].concat();
            let mut lines = LineReader::new(text.as_bytes());
            assert_eq!(lines.next().await.unwrap().len(), LINE_BYTES_MAX - 1);
            assert_eq!(lines.next().await.unwrap(), b"z");
        });
    }
}
