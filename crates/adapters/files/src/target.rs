//! A new file that is composed of records.

use std::io::{self, Write};

use refrain_core::ports::files::{FileError, RecordTarget, Replaceable, Written};
use refrain_schemas::json::{Json, scalar_text};

use crate::encode::{EncodeError, Encoder};
use crate::encoding::Encoding;
use crate::fresh::{Fresh, Together, Workshop};
use crate::params::{Expected, WriteParams};
use crate::problems::{Problems, problem};
use crate::root::{Root, failed};

/// Writes one file.
#[derive(Debug)]
pub(crate) struct Target {
    fresh: Fresh,
    encoder: Encoder,
    encoding: Encoding,
    /// Text behind the last record, not yet encoded.
    text: Vec<u8>,
    expected: Option<Expected>,
    records: u64,
    /// Problems of records; told all at once.
    problems: Problems,
}

impl Target {
    pub(crate) fn open(
        root: &Root,
        workshop: &Workshop,
        params: &WriteParams,
        key: &str,
    ) -> Result<Self, FileError> {
        let mut fresh = Fresh::open(root, workshop, &params.path)?;
        let encoder = Encoder::new(params, key, fresh.folder()).map_err(|e| match e {
            EncodeError::Record(message) => FileError::Params { field: "columns".to_owned(), message },
            EncodeError::Io(source) => failed("write", fresh.path(), source),
        })?;
        let (encoding, mark) = params.file.encoding.for_new();
        fresh.out.write_all(mark).map_err(|e| failed("write", fresh.path(), e))?;
        let (expected, problems) = (params.expected, Problems::default());
        Ok(Self { fresh, encoder, encoding, text: Vec::new(), expected, records: 0, problems })
    }

    /// Encodes what was written as text; fails with the first character that the encoding has not.
    fn encode(&mut self) -> Result<(), EncodeError> {
        let text = std::mem::take(&mut self.text);
        let text = String::from_utf8(text).map_err(|e| EncodeError::Io(io::Error::other(e)))?;
        let mut raw = Vec::with_capacity(text.len());
        self.encoding.encode(&text, &mut raw).map_err(|character| {
            let all = self.encoding.refusal(&text);
            let one = || format!("has `{character}`, which {} cannot hold", self.encoding.name());
            EncodeError::Record(all.unwrap_or_else(one))
        })?;
        Ok(self.fresh.out.write_all(&raw)?)
    }

    fn record(&mut self, record: &Json) -> Result<(), EncodeError> {
        if self.encoding == Encoding::Utf8 {
            return self.encoder.write(record, &mut self.fresh.out);
        }
        self.encoder.write(record, &mut self.text)?;
        if self.text.is_empty() && self.encoder.held().is_none() {
            // A table whose columns are not named is written in the end, with all fields of all records.
            return self
                .encoding
                .refusal(record.as_str())
                .map_or(Ok(()), |why| Err(EncodeError::Record(why)));
        }
        self.encode()
    }

    fn end(&mut self) -> Result<(), EncodeError> {
        if self.encoding == Encoding::Utf8 {
            return self.encoder.finish(&mut self.fresh.out, &mut self.problems);
        }
        self.check_held();
        self.encoder.finish(&mut self.text, &mut self.problems)?;
        match self.encode() {
            // Each record that is to blame was told of already.
            Err(EncodeError::Record(_)) if self.problems.any() => Ok(()),
            encoded => encoded,
        }
    }

    /// Tells of the records that the encoding cannot hold, where the format is made of all of them at once.
    fn check_held(&mut self) {
        let Some((records, with)) = self.encoder.held() else { return };
        let mut wrong = Vec::new();
        for (n, record) in records.iter().enumerate() {
            let key = record.field(&with.key).and_then(scalar_text).unwrap_or_default();
            for name in [with.field.as_str(), "source"] {
                let text = record.field(name).and_then(scalar_text);
                let refusal = text.as_deref().and_then(|text| self.encoding.refusal(text));
                let told =
                    |why| format!("{}: the `{name}` of `{key}` (record {}) {why}", self.fresh.path(), n + 1);
                wrong.extend(refusal.map(told));
            }
        }
        for message in wrong {
            self.problems.add(problem("E0720", message, None));
        }
    }

    fn check_expected(&mut self) {
        if let Some(Expected::Just(expected)) = self.expected
            && expected != self.records
        {
            let message = format!("{}: {} records, expected {expected}", self.fresh.path(), self.records);
            self.problems.add(problem("E0724", message, None));
        }
    }
}

impl RecordTarget for Target {
    fn write(&mut self, records: &[Json]) -> Result<(), FileError> {
        for record in records {
            self.records += 1;
            match self.record(record) {
                Ok(()) => {}
                Err(EncodeError::Io(source)) => return Err(failed("write", self.fresh.path(), source)),
                Err(EncodeError::Record(message)) => {
                    self.text.clear();
                    let (path, n) = (self.fresh.path(), self.records);
                    let message = format!("{path}: record {n} {message}: {}", excerpt(record.as_str()));
                    self.problems.add(problem("E0720", message, None));
                }
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, replaceable: &Replaceable) -> Result<Written, FileError> {
        self.check_expected();
        match self.end() {
            Ok(()) => {}
            Err(EncodeError::Io(source)) => return Err(failed("write", self.fresh.path(), source)),
            Err(EncodeError::Record(message)) => {
                let message = format!("{}: the file {message}", self.fresh.path());
                self.problems.add(problem("E0720", message, None));
            }
        }
        std::mem::take(&mut self.problems).into_result()?;
        let mut together = Together::default();
        together.add(self.fresh.finish()?);
        together.put(replaceable)
    }
}

/// Returns the beginning of a text.
pub(crate) fn excerpt(text: &str) -> String {
    let cut = text.char_indices().nth(80).map(|(at, _)| at);
    cut.map_or_else(|| text.to_owned(), |cut| format!("{}…", &text[..cut]))
}
