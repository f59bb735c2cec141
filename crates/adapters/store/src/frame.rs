//! Frames: how one commit lies in a log.
//!
//! ```text
//! | length u32 | checksum of the payload u32 | checksum of these 8 bytes u32 | payload ... |
//! ```
//!
//! The header has a checksum of its own: a length that was damaged must not pass for a commit cut off by a crash,
//! because what was cut off is thrown away.

/// How long a header is.
pub(crate) const HEADER: usize = 12;

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// How long the payload is.
    pub(crate) length: u32,
    /// The checksum of the payload.
    pub(crate) payload_sum: u32,
    /// The checksum of the two above; it names the frame.
    pub(crate) sum: u32,
}

impl Header {
    /// Reads a header; `None` where it is not one.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let header = Self { length: word(0)?, payload_sum: word(4)?, sum: word(8)? };
        // No frame is empty, and eight zero bytes must not be a header: a file system may leave holes.
        (header.length > 0 && crc32fast::hash(&bytes[..8]) == header.sum).then_some(header)
    }

    /// Whether this is the payload that the header was made for.
    pub(crate) fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.length as usize && crc32fast::hash(payload) == self.payload_sum
    }
}

/// A frame under construction.
#[derive(Debug)]
pub(crate) struct FrameBuilder(Vec<u8>);

impl FrameBuilder {
    /// Starts a frame.
    pub(crate) fn new() -> Self {
        Self(vec![0; HEADER])
    }

    /// Starts a frame in a buffer that is no longer needed.
    pub(crate) fn within(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.resize(HEADER, 0);
        Self(buffer)
    }

    /// Returns the buffer to which the payload is appended.
    pub(crate) const fn payload(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    /// Whether nothing was appended.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.len() == HEADER
    }

    /// Returns the bytes of the frame, or `None` where the payload is longer than a frame may be.
    pub(crate) fn finish(mut self) -> Option<Vec<u8>> {
        let length = u32::try_from(self.0.len() - HEADER).ok()?;
        let payload_sum = crc32fast::hash(&self.0[HEADER..]);
        self.0[..4].copy_from_slice(&length.to_le_bytes());
        self.0[4..8].copy_from_slice(&payload_sum.to_le_bytes());
        let sum = crc32fast::hash(&self.0[..8]);
        self.0[8..HEADER].copy_from_slice(&sum.to_le_bytes());
        Some(self.0)
    }
}

/// Returns the payload of the only frame of a small file; `None` where it is damaged.
pub(crate) fn only_payload(bytes: &[u8]) -> Option<&[u8]> {
    let header = Header::read(bytes)?;
    let payload = bytes.get(HEADER..)?;
    header.fits(payload).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_frame_is_noticed() {
        let mut builder = FrameBuilder::new();
        builder.payload().extend_from_slice(b"payload");
        let bytes = builder.finish().unwrap();
        assert_eq!(only_payload(&bytes), Some(&b"payload"[..]));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(only_payload(&flipped), None, "bit {bit}");
        }
        assert_eq!(Header::read(&[0; HEADER]), None);
    }
}
