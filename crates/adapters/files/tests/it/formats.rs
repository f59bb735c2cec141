//! The conformance suite of formats: what holds for every one of them. A new format adds its samples.

mod fuzz;
mod generated;
mod samples;

use refrain_core::ports::files::FileError;
use refrain_schemas::json::{Json, scalar_text};
use serde_json::{Value, json};

use self::samples::{Sample, samples};
use crate::folder::{Folder, lines};

const KEY: &str = "line_id";

/// A file in some shape in which it may lie on a disk.
struct Variant {
    name: &'static str,
    bytes: Vec<u8>,
    encoding: Option<&'static str>,
}

impl Sample {
    fn params(&self, encoding: Option<&str>, more: Value) -> Value {
        let mut params = self.params.clone();
        for (name, value) in more.as_object().unwrap() {
            params[name] = value.clone();
        }
        if let Some(encoding) = encoding {
            params["encoding"] = json!(encoding);
        }
        params
    }

    fn read(&self, folder: &Folder, encoding: Option<&str>, file: &str) -> Result<Vec<Json>, FileError> {
        folder.read(self.params(encoding, json!({ "files": file })), KEY).map(|(records, _)| records)
    }

    /// Patches the file with the texts that records have in a field.
    fn patch(
        &self,
        folder: &Folder,
        encoding: Option<&str>,
        more: Value,
        records: &[Json],
    ) -> Result<Vec<u8>, FileError> {
        let mut params = self.params(encoding, json!({"patch": self.file, "path": "out/{file}"}));
        for (name, value) in more.as_object().unwrap() {
            params[name] = value.clone();
        }
        folder.patch(params, KEY, records)?;
        Ok(std::fs::read(folder.path("out").join(self.file.rsplit('/').next().unwrap())).unwrap())
    }

    /// The field that has what stands in the places of a file.
    const fn stands(&self) -> &'static str {
        if self.bilingual { "translation" } else { "text" }
    }

    fn variants(&self) -> Vec<Variant> {
        let variant = |name, bytes: &[u8], encoding| Variant { name, bytes: bytes.to_vec(), encoding };
        let units = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
        let le: Vec<u8> = units(self.text).iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let be: Vec<u8> = units(self.text).iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let crlf = self.text.replace('\n', "\r\n");
        let mut variants = vec![
            variant("plain", self.text.as_bytes(), None),
            variant("carriage returns", crlf.as_bytes(), None),
            variant("no end", self.text.trim_end().as_bytes(), None),
            variant("mark", format!("\u{feff}{crlf}").as_bytes(), None),
            variant("marked UTF-16", &[b"\xff\xfe", &le[..]].concat(), None),
            variant("UTF-16", &be, Some("utf-16be")),
        ];
        let (shift_jis, _, lossy) = encoding_rs::SHIFT_JIS.encode(self.text);
        assert!(!lossy, "{}: samples are to be written in Shift-JIS, too", self.file);
        variants.push(variant("Shift-JIS", &shift_jis, Some("shift_jis")));
        variants.push(variant("Shift-JIS, found out", &shift_jis, Some("auto")));
        variants
    }

    /// A text that is unlike another, with all that the format stumbles over and Shift-JIS has.
    fn changed(&self, text: &str) -> String {
        format!("改{text}{}", self.nasty)
    }
}

fn field(record: &Json, name: &str) -> Option<String> {
    record.field(name).and_then(scalar_text).map(Into::into)
}

fn with(record: &Json, name: &str, text: &str) -> Json {
    record.with_field(name, &Json::string(text)).unwrap()
}

/// Runs a check with a folder that has the sample in every shape.
fn for_all(check: impl Fn(&Sample, &Variant, &Folder)) {
    for sample in samples() {
        for variant in sample.variants() {
            let folder = Folder::new(&[(sample.file, &variant.bytes)]);
            check(&sample, &variant, &folder);
        }
    }
}

#[test]
fn every_format_is_read() {
    for_all(|sample, variant, folder| {
        let records = sample.read(folder, variant.encoding, sample.file).unwrap();
        let found: Vec<(String, String)> = records
            .iter()
            .zip(sample.lines)
            .map(|(record, (id, _))| {
                let own = field(record, KEY).unwrap();
                let shown = if id.is_empty() && own.starts_with('t') { String::new() } else { own };
                (shown, field(record, "text").unwrap().replace("\r\n", "\n"))
            })
            .collect();
        let expect: Vec<(String, String)> =
            sample.lines.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect();
        assert_eq!((found, records.len()), (expect, sample.lines.len()), "{} {}", sample.file, variant.name);
    });
}

#[test]
fn the_same_texts_make_the_same_bytes() {
    for_all(|sample, variant, folder| {
        let records = sample.read(folder, variant.encoding, sample.file).unwrap();
        let told = || format!("{} {}", sample.file, variant.name);
        let stands: Vec<Json> =
            records.into_iter().filter(|record| field(record, sample.stands()).is_some()).collect();
        let more = json!({"field": sample.stands(), "missing": "keep"});
        let same = sample.patch(folder, variant.encoding, more, &stands).unwrap();
        assert!(same == variant.bytes, "{}: {:?}", told(), String::from_utf8_lossy(&same));
        let kept = sample.patch(folder, variant.encoding, json!({"missing": "keep"}), &[]).unwrap();
        assert!(kept == variant.bytes, "{}: {:?}", told(), String::from_utf8_lossy(&kept));
    });
}

#[test]
fn changed_texts_come_back_and_nothing_else_changes() {
    for_all(|sample, variant, folder| {
        let told = || format!("{} {}", sample.file, variant.name);
        let records = sample.read(folder, variant.encoding, sample.file).unwrap();
        let changed: Vec<Json> = records
            .iter()
            .map(|record| with(record, "done", &sample.changed(&field(record, "text").unwrap())))
            .collect();
        let more = json!({"field": "done", "expected": "source"});
        let bytes = sample.patch(folder, variant.encoding, more, &changed).unwrap();
        folder.put("out/new", &bytes);
        std::fs::rename(folder.path("out/new"), folder.path(sample.file)).unwrap();
        let back = sample.read(folder, variant.encoding.filter(|e| *e != "auto"), sample.file);
        let back = match back {
            Ok(back) => back,
            // Changed by a character, the file may need to be told what it is.
            Err(_) => sample.read(folder, Some("shift_jis"), sample.file).unwrap(),
        };
        assert_eq!(back.len(), changed.len(), "{}", told());
        for ((back, changed), (id, _)) in back.iter().zip(&changed).zip(sample.lines) {
            assert_eq!(field(back, sample.stands()), field(changed, "done"), "{}", told());
            assert_eq!(field(back, "scene_id"), field(changed, "scene_id"), "{}", told());
            assert_eq!(field(back, "speaker"), field(changed, "speaker"), "{}", told());
            if sample.bilingual {
                assert_eq!(field(back, "text"), field(changed, "text"), "{}", told());
            }
            let keeps = !sample.text_in_id && !id.is_empty();
            assert!(!keeps || field(back, KEY) == field(changed, KEY), "{}", told());
        }
    });
}

#[test]
fn one_changed_text_changes_its_place_alone() {
    for_all(|sample, variant, folder| {
        let records = sample.read(folder, variant.encoding, sample.file).unwrap();
        for (n, record) in records.iter().enumerate() {
            let text = field(record, "text").unwrap();
            let one = [with(record, "done", &sample.changed(&text))];
            let more = json!({"field": "done", "missing": "keep", "expected": 1});
            let bytes = sample.patch(folder, variant.encoding, more, &one).unwrap();
            let before = bytes.iter().zip(&variant.bytes).take_while(|(a, b)| a == b).count();
            let behind =
                bytes.iter().rev().zip(variant.bytes.iter().rev()).take_while(|(a, b)| a == b).count();
            let kept = (before + behind).min(variant.bytes.len());
            let place = 4 * text.len() + 64;
            assert!(
                bytes != variant.bytes && variant.bytes.len() - kept <= place,
                "{} {}: line {n}: only {kept} bytes of {} are kept",
                sample.file,
                variant.name,
                variant.bytes.len()
            );
        }
    });
}

#[test]
fn bad_files_are_told_with_every_place() {
    for sample in samples() {
        for (contents, expect) in sample.bad {
            let folder = Folder::new(&[(sample.file, contents.as_bytes())]);
            let Err(FileError::Bad { problems }) = sample.read(&folder, None, sample.file) else {
                panic!("{} must be bad: {contents:?}", sample.file)
            };
            assert_eq!(lines(&problems), *expect, "{contents:?}");
            assert!(problems.iter().all(|problem| problem.place.is_some()), "{contents:?}");
        }
    }
}

#[test]
fn bytes_that_do_not_decode_are_told_with_their_place() {
    for sample in samples() {
        let line = 1 + sample.text.matches('\n').count();
        let bad = [sample.text.as_bytes(), b"ab\xff\n\n\xfe\n"].concat();
        let folder = Folder::new(&[(sample.file, &bad)]);
        let Err(FileError::Bad { problems }) = sample.read(&folder, None, sample.file) else { panic!() };
        let told = lines(&problems);
        for place in [format!("{line}:3 byte 0xff"), format!("{}:1 byte 0xfe", line + 2)] {
            let expect = format!("E0701 {}:{place} is not UTF-8", sample.file);
            // A JSON list is decoded at once, so that it may be of any size.
            assert!(told.contains(&expect) || sample.file == "f.json", "{expect}: {told:?}");
        }
    }
}

#[test]
fn an_empty_file_is_no_riddle() {
    for sample in samples() {
        let folder = Folder::new(&[(sample.file, b"")]);
        match sample.read(&folder, None, sample.file) {
            Ok(records) => assert!(records.is_empty(), "{}", sample.file),
            Err(FileError::Bad { problems }) => assert_eq!(problems.len(), 1, "{}", sample.file),
            Err(error) => panic!("{}: {error}", sample.file),
        }
    }
}

#[test]
fn a_huge_line_comes_back_whole() {
    for sample in samples() {
        let folder = Folder::new(&[(sample.file, sample.text.as_bytes())]);
        let records = sample.read(&folder, None, sample.file).unwrap();
        let huge = "長い台詞、".repeat(1 << 15);
        let one = [with(&records[0], "done", &huge)];
        let more = json!({"field": "done", "missing": "keep"});
        let bytes = sample.patch(&folder, None, more, &one).unwrap();
        folder.put(sample.file, &bytes);
        let back = sample.read(&folder, None, sample.file).unwrap();
        assert_eq!(field(&back[0], sample.stands()).as_ref(), Some(&huge), "{}", sample.file);
    }
}

#[test]
fn records_pass_from_every_format_to_every_other() {
    let samples = samples();
    for from in &samples {
        let folder = Folder::new(&[(from.file, from.text.as_bytes())]);
        // As a translation has them: the text, beside the text it was made from.
        let records: Vec<Json> = from
            .read(&folder, None, from.file)
            .unwrap()
            .iter()
            .map(|record| {
                let text = field(record, "text").unwrap();
                let fields = json!({
                    KEY: field(record, KEY), "text": from.changed(&text).replace('\n', " "), "source": text,
                    "scene_id": "one", "speaker": "Mira",
                });
                Json::of(&fields).unwrap()
            })
            .collect();
        for to in samples.iter().filter(|to| to.composes) {
            let told = format!("{} to {}", from.file, to.file);
            let path = format!("new/{}", to.file);
            let languages = json!({"path": path, "language": "ja", "source_language": "en"});
            let params = to.compose_params(languages);
            folder.patch(params, KEY, &records).unwrap_or_else(|e| panic!("{told}: {e}"));
            let back = to.read(&folder, None, &path).unwrap_or_else(|e| panic!("{told}: {e}"));
            assert_eq!(back.len(), records.len(), "{told}");
            for (back, record) in back.iter().zip(&records) {
                assert_eq!(field(back, to.stands()), field(record, "text"), "{told}");
                if to.bilingual {
                    assert_eq!(field(back, "text"), field(record, "source"), "{told}");
                }
                if to.keeps_ids {
                    assert_eq!(field(back, KEY), field(record, KEY), "{told}");
                }
            }
        }
    }
}
