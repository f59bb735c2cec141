//! An append-only file of frames, one per commit.

use std::sync::Arc;

use refrain_core::ports::store::StoreError;
use serde::{Deserialize, Serialize};

use crate::error::{damaged, failed_to};
use crate::folder::Folder;
use crate::frame::{FrameBuilder, HEADER, Header};
use crate::storage::StorageFile;

/// How much is read at once when frames are scanned.
const CHUNK: usize = 256 << 10;

/// A place between two frames, with what is needed to tell whether a log is the one it was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// How many bytes lie before it.
    pub(crate) end: u64,
    /// Where the frame before it starts.
    pub(crate) last: u64,
    /// The checksum of that frame's header.
    pub(crate) sum: u32,
}

impl Position {
    /// The beginning of a log.
    pub(crate) const START: Self = Self { end: 0, last: 0, sum: 0 };
}

/// One frame of a log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// Where its header starts.
    pub(crate) offset: u64,
    /// What it holds.
    pub(crate) payload: &'a [u8],
}

/// What a scan came upon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scanned {
    /// Where the last whole frame ends.
    pub(crate) end: Position,
    /// How many bytes of an unfinished commit lie behind it.
    pub(crate) torn: u64,
}

/// A log: the file of one generation of one kind of records.
#[derive(Debug)]
pub(crate) struct RecordLog {
    folder: Folder,
    name: String,
    file: Option<Arc<dyn StorageFile>>,
    end: Position,
    writing: bool,
    writable: bool,
    unclean: bool,
}

impl RecordLog {
    /// Opens a log for reading; one that does not exist is empty.
    pub(crate) fn open(folder: &Folder, name: &str) -> Result<Self, StoreError> {
        let file = folder.open(name)?;
        Ok(Self {
            folder: folder.clone(),
            name: name.to_owned(),
            file,
            end: Position::START,
            writing: false,
            writable: false,
            unclean: false,
        })
    }

    /// Returns the name of the file.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the file existed when the log was opened, or was created since.
    pub(crate) const fn exists(&self) -> bool {
        self.file.is_some()
    }

    /// Returns where the next commit goes; only the writer knows.
    pub(crate) const fn end(&self) -> Position {
        self.end
    }

    /// Whether a position was taken in this very log.
    pub(crate) fn holds(&self, position: &Position) -> Result<bool, StoreError> {
        if *position == Position::START {
            return Ok(true);
        }
        let mut bytes = [0; HEADER];
        self.read_at(&mut bytes, position.last)?;
        Ok(self.size()? >= position.end
            && Header::read(&bytes).is_some_and(|header| {
                header.sum == position.sum
                    && position.last + HEADER as u64 + u64::from(header.length) == position.end
            }))
    }

    /// Visits the whole frames behind a position.
    pub(crate) fn scan(
        &self,
        from: Position,
        visit: &mut dyn FnMut(Frame<'_>) -> Result<(), StoreError>,
    ) -> Result<Scanned, StoreError> {
        let Some(file) = &self.file else { return Ok(Scanned { end: Position::START, torn: 0 }) };
        let mut window =
            Window { file: &**file, name: &self.name, size: self.size()?, start: 0, bytes: Vec::new() };
        let mut end = from;
        while let Some((header, payload)) = window.frame(end.end)? {
            visit(Frame { offset: end.end, payload })?;
            let next = end.end + HEADER as u64 + u64::from(header.length);
            end = Position { end: next, last: end.end, sum: header.sum };
        }
        Ok(Scanned { end, torn: window.size.saturating_sub(end.end) })
    }

    /// Reads the payload of one frame, checking it.
    pub(crate) fn payload(&self, offset: u64, length: u32, buffer: &mut Vec<u8>) -> Result<(), StoreError> {
        buffer.resize(HEADER + length as usize, 0);
        let n = self.read_at(buffer, offset)?;
        let whole = n == buffer.len();
        let fits = Header::read(buffer).is_some_and(|header| header.fits(&buffer[HEADER..]));
        if whole && fits { Ok(()) } else { Err(damaged(&self.name, offset, "the checksum is wrong")) }
    }

    /// Reads bytes; fewer at the end of the file.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, StoreError> {
        match &self.file {
            Some(file) => file.read_at(buffer, offset).map_err(failed_to("read", &self.name)),
            None => Ok(0),
        }
    }

    /// Returns how many bytes the file has now.
    pub(crate) fn size(&self) -> Result<u64, StoreError> {
        self.file.as_ref().map_or(Ok(0), |file| file.size().map_err(failed_to("read", &self.name)))
    }

    /// Makes this the writer's log: what lies behind the last whole frame is cut off.
    pub(crate) fn start_writing(&mut self, scanned: Scanned) -> Result<(), StoreError> {
        self.end = scanned.end;
        self.writing = true;
        self.unclean = scanned.torn > 0;
        self.mend()?;
        // What is there may not have been synced by who wrote it, and what is committed from now on refers to it.
        self.settle()
    }

    /// Appends a frame with one write; after a failure the log is as it was.
    pub(crate) fn append(&mut self, frame: FrameBuilder) -> Result<Vec<u8>, StoreError> {
        if !self.writing {
            // Where it would go is not known.
            return Err(StoreError::ReadOnly);
        }
        let too_long = || failed_to("write", &self.name)(std::io::ErrorKind::FileTooLarge.into());
        let bytes = frame.finish().ok_or_else(too_long)?;
        self.mend()?;
        if let Err(error) = self.write(&bytes) {
            self.unclean = true;
            // Where this fails too, the next commit tries again before it writes.
            let _later = self.mend();
            return Err(error);
        }
        let sum = Header::read(&bytes).map_or(0, |header| header.sum);
        self.end = Position { end: self.end.end + bytes.len() as u64, last: self.end.end, sum };
        Ok(bytes)
    }

    /// Makes everything appended survive a loss of power, whatever the durability.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.file.as_ref().map_or(Ok(()), |file| file.sync().map_err(failed_to("sync", &self.name)))
    }

    /// Makes everything appended survive a loss of power, where that is wanted.
    fn settle(&self) -> Result<(), StoreError> {
        if self.folder.syncs() { self.sync() } else { Ok(()) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let at = self.end.end;
        self.writable()?.write_at(bytes, at).map_err(failed_to("write", &self.name))?;
        self.settle()
    }

    fn writable(&mut self) -> Result<Arc<dyn StorageFile>, StoreError> {
        if let (true, Some(file)) = (self.writable, &self.file) {
            return Ok(file.clone());
        }
        let file = self.folder.create(&self.name)?;
        self.file = Some(file.clone());
        self.writable = true;
        Ok(file)
    }

    fn mend(&mut self) -> Result<(), StoreError> {
        if self.unclean {
            let at = self.end.end;
            self.writable()?.truncate(at).map_err(failed_to("truncate", &self.name))?;
            self.unclean = false;
        }
        Ok(())
    }
}

/// A part of a log in memory, moved along by a scan.
struct Window<'a> {
    file: &'a dyn StorageFile,
    name: &'a str,
    size: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// Returns the frame at a place, or `None` where none was finished there.
    fn frame(&mut self, at: u64) -> Result<Option<(Header, &[u8])>, StoreError> {
        if !self.fill(at, HEADER as u64)? {
            return Ok(None);
        }
        let Some(header) = Header::read(self.slice(at, HEADER)) else {
            return self.bad(at, at).map(|()| None);
        };
        let whole = HEADER + header.length as usize;
        if !self.fill(at, whole as u64)? {
            return Ok(None);
        }
        if !header.fits(&self.slice(at, whole)[HEADER..]) {
            return self.bad(at, at + whole as u64).map(|()| None);
        }
        Ok(Some((header, &self.slice(at, whole)[HEADER..])))
    }

    /// Judges a frame that is not right: with no whole frame behind it, it is a commit that a loss of power cut off or
    /// left holes in, otherwise it is damage.
    fn bad(&mut self, at: u64, behind: u64) -> Result<(), StoreError> {
        for place in behind..self.size.saturating_sub(HEADER as u64) {
            if self.is_whole(place)? {
                return Err(damaged(self.name, at, "the checksum is wrong"));
            }
        }
        Ok(())
    }

    /// Whether a whole frame begins at a place.
    fn is_whole(&mut self, place: u64) -> Result<bool, StoreError> {
        if !self.fill(place, HEADER as u64)? {
            return Ok(false);
        }
        let bytes = self.slice(place, HEADER);
        // Hardly any four bytes are a length that fits; to see that is quicker than a checksum.
        let length = bytes.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
        if length == 0 || place + HEADER as u64 + u64::from(length) > self.size {
            return Ok(false);
        }
        let Some(header) = Header::read(bytes) else { return Ok(false) };
        let whole = HEADER + header.length as usize;
        Ok(self.fill(place, whole as u64)? && header.fits(&self.slice(place, whole)[HEADER..]))
    }

    /// Makes sure that these bytes are in memory; `false` where the file ends before.
    fn fill(&mut self, at: u64, length: u64) -> Result<bool, StoreError> {
        if at + length > self.size {
            return Ok(false);
        }
        if at >= self.start && at + length <= self.start + self.bytes.len() as u64 {
            return Ok(true);
        }
        let wanted = length.max(CHUNK as u64).min(self.size - at);
        self.bytes.resize(usize::try_from(wanted).unwrap_or(usize::MAX), 0);
        let n = self.file.read_at(&mut self.bytes, at).map_err(failed_to("read", self.name))?;
        self.bytes.truncate(n);
        self.start = at;
        Ok(n as u64 >= length)
    }

    fn slice(&self, at: u64, length: usize) -> &[u8] {
        let from = usize::try_from(at - self.start).unwrap_or(usize::MAX);
        &self.bytes[from..from + length]
    }
}
