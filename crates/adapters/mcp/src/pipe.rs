//! The output of a server, with a limit on its lines.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// The longest message of a server, in bytes.
pub(crate) const MESSAGE_LIMIT: usize = 16 << 20;

/// Reads until a line is longer than the limit, and fails there: what is left out of a conversation is waited for in
/// vain, so one that breaks the limit is over.
#[derive(Debug)]
pub(crate) struct Pipe<R> {
    inner: R,
    /// The bytes since the last end of a line.
    line: usize,
    limit: usize,
    burst: Arc<AtomicBool>,
}

impl<R> Pipe<R> {
    /// Returns a pipe that says through `burst` that its limit was broken.
    pub(crate) const fn new(inner: R, limit: usize, burst: Arc<AtomicBool>) -> Self {
        Self { inner, line: 0, limit, burst }
    }

    fn count(&mut self, new: &[u8]) -> bool {
        for piece in new.split_inclusive(|byte| *byte == b'\n') {
            self.line += piece.len();
            if self.line > self.limit {
                return false;
            }
            if piece.ends_with(b"\n") {
                self.line = 0;
            }
        }
        true
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Pipe<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        if self.count(&buffer.filled()[before..]) {
            return Poll::Ready(Ok(()));
        }
        // What is refused counts as unread.
        buffer.set_filled(before);
        self.burst.store(true, Ordering::Relaxed);
        Poll::Ready(Err(io::Error::from(io::ErrorKind::FileTooLarge)))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn check(input: &[u8], limit: usize, passes: bool) {
        let burst = Arc::new(AtomicBool::new(false));
        let mut read = Vec::new();
        let result = Pipe::new(input, limit, burst.clone()).read_to_end(&mut read).await;
        assert_eq!((result.is_ok(), burst.load(Ordering::Relaxed)), (passes, !passes), "{input:?}");
    }

    #[tokio::test]
    async fn long_lines_end_the_conversation() {
        check(b"abc\nabc\nabc", 4, true).await;
        check(b"abc\nabcde\n", 4, false).await;
        check(&b"x\n".repeat(100_000), 2, true).await;
        check(&vec![b'x'; 100_000], 99_999, false).await;
    }
}
