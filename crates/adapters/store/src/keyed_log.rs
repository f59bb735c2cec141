//! A log whose records are looked up by key.

use refrain_core::ports::store::StoreError;
use refrain_schemas::digest::Digest;

use crate::error::damaged;
use crate::folder::Folder;
use crate::frame::FrameBuilder;
use crate::key_index::{KeyIndex, Place};
use crate::record_log::{Frame, Position, RecordLog, Scanned};

/// What a frame says about a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item {
    /// A record lies here.
    Put(Digest, Place),
    /// A key has, from here on, the record that another key has now.
    Alias {
        /// The key.
        key: Digest,
        /// The other.
        of: Digest,
    },
}

/// Lists the items of a frame; returns `false` where it is not understood.
pub(crate) type ReadItems = fn(Frame<'_>, &mut dyn FnMut(Item)) -> bool;

/// How often a reader looks again at a frame that seems damaged: the writer may just have taken back a commit.
const LOOKS: usize = 4;

/// A log and its index, which is loaded when it is first needed.
#[derive(Debug)]
pub(crate) struct KeyedLog {
    folder: Folder,
    log: RecordLog,
    index: Option<KeyIndex>,
    read_items: ReadItems,
    writing: bool,
}

impl KeyedLog {
    /// Opens a log for reading.
    pub(crate) fn open(folder: &Folder, name: &str, read_items: ReadItems) -> Result<Self, StoreError> {
        let log = RecordLog::open(folder, name)?;
        Ok(Self { folder: folder.clone(), log, index: None, read_items, writing: false })
    }

    /// Returns the log.
    pub(crate) const fn log(&self) -> &RecordLog {
        &self.log
    }

    /// Makes this the writer's log.
    pub(crate) fn start_writing(&mut self, scanned: Scanned) -> Result<(), StoreError> {
        self.log.start_writing(scanned)?;
        self.writing = true;
        Ok(())
    }

    /// Goes back to reading.
    pub(crate) const fn stop_writing(&mut self) {
        self.writing = false;
    }

    /// Returns the places of the latest records under some keys.
    pub(crate) fn find(&mut self, keys: &[Digest]) -> Result<Vec<Option<Place>>, StoreError> {
        self.catch_up()?;
        if let Some(Ok(found)) = self.index.as_ref().map(|index| index.find(keys)) {
            return Ok(found);
        }
        self.read_again()?;
        let lost = || damaged(self.log.name(), 0, "the index cannot be read");
        self.index.as_ref().and_then(|index| index.find(keys).ok()).ok_or_else(lost)
    }

    /// Returns every key that has a record.
    pub(crate) fn keys(&mut self) -> Result<Vec<Digest>, StoreError> {
        self.catch_up()?;
        if let Some(Ok(keys)) = self.index.as_ref().map(KeyIndex::keys) {
            return Ok(keys);
        }
        self.read_again()?;
        let lost = || damaged(self.log.name(), 0, "the index cannot be read");
        self.index.as_ref().and_then(|index| index.keys().ok()).ok_or_else(lost)
    }

    /// Appends a frame, whose bytes are given back; the index knows its keys at once.
    pub(crate) fn append(&mut self, frame: FrameBuilder) -> Result<Vec<u8>, StoreError> {
        self.catch_up()?;
        let offset = self.log.end().end;
        let bytes = self.log.append(frame)?;
        let frame = Frame { offset, payload: &bytes[crate::frame::HEADER..] };
        if let Some(index) = &mut self.index
            && enter(index, self.read_items, frame).is_err()
        {
            // The commit stands; the next look-up reads the log again.
            self.index = Some(KeyIndex::empty(&self.folder, &self.log));
        } else if let Some(index) = &mut self.index {
            index.advance(self.log.end());
        }
        Ok(bytes)
    }

    /// Writes a segment where the tail has become long; returns whether one was written.
    pub(crate) fn flush_long_tail(&mut self) -> Result<bool, StoreError> {
        self.index.as_mut().map_or(Ok(false), KeyIndex::flush_long_tail)
    }

    /// Writes a segment where that saves the next process work.
    pub(crate) fn flush_worthwhile(&mut self) -> Result<(), StoreError> {
        self.index.as_mut().map_or(Ok(()), KeyIndex::flush_worthwhile)
    }

    /// Forgets the index and reads the log from its beginning.
    fn read_again(&mut self) -> Result<(), StoreError> {
        self.index = Some(KeyIndex::empty(&self.folder, &self.log));
        self.catch_up()
    }

    /// Reads into the index what was committed since it was last looked at.
    pub(crate) fn catch_up(&mut self) -> Result<(), StoreError> {
        let mut index = match self.index.take() {
            Some(index) => index,
            None => KeyIndex::load(&self.folder, &self.log)?,
        };
        if self.writing && index.cursor() == self.log.end() {
            self.index = Some(index);
            return Ok(());
        }
        if !self.log.holds(&index.cursor())? {
            index = KeyIndex::empty(&self.folder, &self.log);
        }
        let mut caught = self.read_into(&mut index);
        for _ in 1..LOOKS {
            match caught {
                // Either an older segment is damaged, or what was read was being taken back: begin anew.
                Err(StoreError::Damaged { .. }) => {
                    index = KeyIndex::empty(&self.folder, &self.log);
                    caught = self.read_into(&mut index);
                }
                _ => break,
            }
        }
        self.index = Some(index);
        caught
    }

    fn read_into(&self, index: &mut KeyIndex) -> Result<(), StoreError> {
        let scanned = self.log.scan(index.cursor(), &mut |frame| {
            enter(index, self.read_items, frame)
                .map_err(|message| damaged(self.log.name(), frame.offset, message))
        })?;
        index.advance(scanned.end);
        Ok(())
    }
}

/// Enters the keys of a frame into an index.
fn enter(index: &mut KeyIndex, read_items: ReadItems, frame: Frame<'_>) -> Result<(), &'static str> {
    let mut lost = false;
    let understood = read_items(frame, &mut |item| match item {
        Item::Put(key, place) => index.insert(key, place),
        Item::Alias { key, of } => match index.find(&[of]).as_deref() {
            Ok([Some(place)]) => index.insert(key, *place),
            Ok(_) => {}
            Err(_) => lost = true,
        },
    });
    match (understood, lost) {
        (false, _) => Err("an entry is not understood"),
        (_, true) => Err("the index cannot be read"),
        _ => Ok(()),
    }
}

/// Scans a log, looking again where it seems damaged; each look begins with a fresh `start`.
pub(crate) fn scan_patiently<T>(
    log: &RecordLog,
    from: Position,
    start: impl Fn() -> T,
    visit: impl Fn(&mut T, Frame<'_>) -> Result<(), StoreError>,
) -> Result<(T, Scanned), StoreError> {
    let look = || {
        let mut state = start();
        let scanned = log.scan(from, &mut |frame| visit(&mut state, frame))?;
        Ok((state, scanned))
    };
    let mut seen = look();
    for _ in 1..LOOKS {
        match seen {
            Err(StoreError::Damaged { .. }) => seen = look(),
            _ => break,
        }
    }
    seen
}
