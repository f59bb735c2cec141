//! The log of exchanges: what went over the wire in each call, compressed.
//!
//! A frame holds the exchanges of one commit. A record has the form of a page (see [`page_log`]), so that one can be
//! read without the others; its digest is that of the call's number, and its bytes are the exchanges as JSON, deflated.

use std::io::Read as _;

use flate2::read::DeflateDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};
use refrain_core::ports::store::StoreError;
use refrain_schemas::digest::Digest;
use refrain_schemas::exchange::Exchange;
use refrain_schemas::name::CallId;

use crate::error::{damaged, failed_to};
use crate::folder::Folder;
use crate::frame::FrameBuilder;
use crate::keyed_log::KeyedLog;
use crate::page_log;
use crate::record_log::RecordLog;

/// Commits wait for the compression: the first level is many times faster than the usual one, and JSON shrinks well.
const LEVEL: Compression = Compression::new(1);

/// The exchanges.
#[derive(Debug)]
pub(crate) struct ExchangeLog {
    keyed: KeyedLog,
    compress: Option<Compress>,
}

/// Returns the key of a call. Keys are hashes wherever there is an index.
pub(crate) fn key(call: CallId) -> Digest {
    Digest::of_content(&call.0.to_le_bytes())
}

impl ExchangeLog {
    /// Opens the exchanges for reading.
    pub(crate) fn open(folder: &Folder, name: &str) -> Result<Self, StoreError> {
        Ok(Self { keyed: KeyedLog::open(folder, name, page_log::read_items)?, compress: None })
    }

    /// Returns the log.
    pub(crate) const fn log(&self) -> &RecordLog {
        self.keyed.log()
    }

    /// Returns the log with its index.
    pub(crate) const fn keyed(&mut self) -> &mut KeyedLog {
        &mut self.keyed
    }

    /// Commits the exchanges of some calls; later ones of a call stand in the place of earlier ones.
    pub(crate) fn append(&mut self, batch: &[(CallId, Vec<Exchange>)]) -> Result<(), StoreError> {
        let mut frame = FrameBuilder::new();
        for (call, exchanges) in batch.iter().filter(|(_, exchanges)| !exchanges.is_empty()) {
            let packed = self.pack(exchanges)?;
            page_log::write(&key(*call), &packed, frame.payload())?;
        }
        if frame.is_empty() { Ok(()) } else { self.keyed.append(frame).map(|_| ()) }
    }

    fn pack(&mut self, exchanges: &[Exchange]) -> Result<Vec<u8>, StoreError> {
        let failed = |source| failed_to("encode an exchange of", self.keyed.log().name())(source);
        let json = serde_json::to_vec(exchanges).map_err(|error| failed(error.into()))?;
        // What it takes to set up is kept from one call to the next.
        let compress = self.compress.get_or_insert_with(|| Compress::new(LEVEL, false));
        compress.reset();
        let mut packed = Vec::with_capacity(json.len() / 2 + 64);
        loop {
            let rest = &json[usize::try_from(compress.total_in()).unwrap_or(json.len())..];
            let status = compress.compress_vec(rest, &mut packed, FlushCompress::Finish);
            if status.map_err(|error| failed(error.into()))? == Status::StreamEnd {
                return Ok(packed);
            }
            packed.reserve(json.len() / 2 + 64);
        }
    }

    /// Returns the exchanges of a call; none where none are kept.
    pub(crate) fn fetch(&mut self, call: CallId) -> Result<Vec<Exchange>, StoreError> {
        let digest = key(call);
        let Some(place) = self.keyed.find(&[digest])?.pop().flatten() else { return Ok(Vec::new()) };
        let packed = page_log::fetch_one(self.log(), &digest, place)?;
        let mut json = Vec::new();
        let read = DeflateDecoder::new(&*packed).read_to_end(&mut json).map_err(serde_json::Error::io);
        read.and_then(|_| serde_json::from_slice(&json)).map_err(|error| {
            damaged(self.log().name(), place.offset, &format!("an exchange is not understood ({error})"))
        })
    }
}
