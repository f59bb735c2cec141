//! A script of one's own, as it was found: which of its columns is what, and how the pipeline has to say so.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use refrain_core::ports::files::{FileError, SourceReader as _};
use refrain_schemas::problem::Problem;
use serde_json::{Map, Value};

use super::super::interview::Interview;
use crate::render::numbers::counted;
use crate::report::CliError;
use crate::runtime;
use crate::wiring::scripts::{self, Column, Look};

/// The field that tells lines apart in the template.
const KEY: &str = "line_id";
/// What columns are called that are what, the surest names first; compared without case and separators.
const KEYS: [&str; 12] = [
    "lineid",
    "id",
    "key",
    "stringid",
    "textid",
    "messageid",
    "dialogid",
    "dialogueid",
    "uid",
    "guid",
    "identifier",
    "name",
];
const TEXTS: [&str; 16] = [
    "text",
    "source",
    "sourcetext",
    "original",
    "message",
    "dialogue",
    "dialog",
    "line",
    "string",
    "msg",
    "content",
    "sentence",
    "value",
    "english",
    "japanese",
    "en",
];
const SPEAKERS: [&str; 16] = [
    "speaker",
    "character",
    "who",
    "actor",
    "charactername",
    "speakername",
    "talker",
    "voice",
    "char",
    "role",
    "話者",
    "発話者",
    "キャラ",
    "キャラクター",
    "name",
    "名前",
];
const SCENES: [&str; 15] = [
    "sceneid",
    "scene",
    "map",
    "chapter",
    "section",
    "event",
    "label",
    "location",
    "level",
    "quest",
    "mapid",
    "page",
    "mapname",
    "場面",
    "シーン",
];

/// What was found out about a script: the settings of `read`, by name, and what to say of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Script {
    settings: Vec<(&'static str, String)>,
    n_files: u64,
    n_lines: u64,
}

/// Looks at a script.
pub(super) fn look(dir: &Path, outside: &[PathBuf], files: &str) -> Result<Look, CliError> {
    scripts::look(dir, outside, files).map_err(|error| unreadable(error, dir, files))
}

/// Says what is wrong with a script, and where it is looked for.
fn unreadable(error: FileError, dir: &Path, files: &str) -> CliError {
    let is_nowhere =
        matches!(&error, FileError::Missing { .. }) || !dir.join(files).exists() && !is_pattern(files);
    if !is_nowhere {
        return together(&error)
            .unwrap_or_else(|| CliError::from(error))
            .hint("nothing was written; mend the script, or name other files with `--source`");
    }
    CliError::usage(format!("there is no file {}; nothing was written", dir.join(files).display())).hint(
        "put the script there first: `--source` names files of the project folder, such as `script/*.csv`",
    )
}

/// Says what keeps files from being read together: what is said of one is said of all of them.
fn together(error: &FileError) -> Option<CliError> {
    let apart = "name files of one kind with `--source`, such as `script/*.csv`; a phase that reads the others may be added later";
    match error {
        // `init` found a column with ids in one of them.
        FileError::Params { field, message } if field == "id" => {
            let file = message.split('`').nth(1).unwrap_or("one of them");
            let message = format!("{file} has no columns, and other files of the script have some");
            Some(CliError::usage(message).hint(apart))
        }
        _ => None,
    }
}

/// Says what to do about files whose columns are called differently.
fn same_columns(error: FileError, dir: &Path, files: &str, n_files: usize) -> CliError {
    let is_column = |problem: &Problem| problem.message.starts_with("there is no column");
    let differs = matches!(&error, FileError::Bad { problems } if problems.iter().any(is_column));
    let error = unreadable(error, dir, files);
    if !differs || n_files < 2 {
        return error;
    }
    error.hint(
        "the columns of all files are to be called the same: give them one header, or name files that have the same one with \
         `--source`, and add a phase for the others later",
    )
}

fn is_pattern(files: &str) -> bool {
    files.contains(['*', '?', '[', '{'])
}

impl Script {
    /// Decides what is what; asks where several things may be it and there is somebody to ask.
    pub(super) fn find<R: BufRead>(
        dir: &Path,
        outside: &[PathBuf],
        files: &str,
        look: &Look,
        mut interview: Option<&mut Interview<R>>,
    ) -> Result<Self, CliError> {
        let mut settings: Vec<(&'static str, String)> = Vec::new();
        let said = [("format", look.format), ("encoding", look.encoding), ("delimiter", look.delimiter)];
        settings.extend(said.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))));
        if look.rows == Some(0) {
            return Err(empty("no line", files));
        }
        if look.rows.is_some() {
            let text = choose("text", &texts(look), true, interview.as_deref_mut())?
                .ok_or_else(|| without_text(look, files))?;
            let others: Vec<&Column> = look.columns.iter().filter(|column| column.name != text).collect();
            let key = choose("id", &keys(look, &others), false, interview.as_deref_mut())?;
            let is_free = |column: &&&Column| Some(&column.name) != key.as_ref();
            let others: Vec<&Column> = others.iter().filter(is_free).copied().collect();
            let speaker = choose("speaker", &named(&others, &SPEAKERS), false, interview.as_deref_mut())?;
            let is_free = |column: &&&Column| Some(&column.name) != speaker.as_ref();
            let others: Vec<&Column> = others.iter().filter(is_free).copied().collect();
            let scene = choose("scene", &named(&others, &SCENES), false, interview)?;
            match key {
                Some(key) if key == KEY => {}
                Some(key) => settings.push(("id", key)),
                None => settings.push(("ids", "content".to_owned())),
            }
            settings.extend((text != "text").then_some(("text", text)));
            settings
                .extend(speaker.filter(|speaker| speaker != "speaker").map(|speaker| ("speaker", speaker)));
            match scene {
                Some(scene) if scene == "scene_id" => {}
                Some(scene) => settings.push(("scene", scene)),
                None => settings.push(("scene", "file".to_owned())),
            }
        }
        let mut script = Self { settings, n_files: look.files.len() as u64, n_lines: 0 };
        script.read(dir, outside, files)?;
        Ok(script)
    }

    /// Reads the script as the pipeline will, so that what does not work is told before anything is written.
    fn read(&mut self, dir: &Path, outside: &[PathBuf], files: &str) -> Result<(), CliError> {
        let settings =
            self.settings.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
        let params: Map<String, Value> = settings.chain([("files".to_owned(), Value::from(files))]).collect();
        let (n_lines, has_scenes, has_text) = runtime::on_this_thread(async {
            let read = async {
                let mut source = scripts::reader(dir, outside).open(&params, KEY).await?;
                let (mut lines, mut scenes, mut texts) = (0, true, false);
                loop {
                    let batch = source.next_batch()?;
                    if batch.is_empty() {
                        return Ok((lines, scenes, texts));
                    }
                    lines += batch.len() as u64;
                    scenes &= batch.iter().all(|line| line.field("scene_id").is_some());
                    texts |= batch.iter().any(|line| line.field("text").is_some_and(|text| text.len() > 2));
                }
            };
            let n_files = usize::try_from(self.n_files).unwrap_or(usize::MAX);
            read.await.map_err(|error| same_columns(error, dir, files, n_files))
        })?;
        if n_lines == 0 || !has_text {
            return Err(empty(if n_lines == 0 { "no line" } else { "no text" }, files));
        }
        if !has_scenes && !self.settings.iter().any(|(name, _)| *name == "scene") {
            self.settings.push(("scene", "file".to_owned()));
        }
        self.n_lines = n_lines;
        Ok(())
    }

    /// Returns the encoding; where none was found, the one that a byte order mark tells.
    pub(super) fn encoding(&self) -> &str {
        self.settings.iter().find(|(name, _)| *name == "encoding").map_or("mark", |(_, value)| value)
    }

    /// Returns what follows `files:` in the pipeline; `is_commented` where it is said what is what.
    pub(super) fn params(&self, is_commented: bool) -> String {
        let mut text = String::new();
        if is_commented && self.settings.iter().any(|(name, _)| *name != "encoding") {
            text.push_str(&format!("\n        # As `init` found them in {}.", self.amount()));
        }
        let comment = |name: &str, value: &str| match name {
            "id" => "the column that tells lines apart",
            "ids" => "no column tells lines apart",
            "text" => "the column that is translated",
            "speaker" => "the column with who says it",
            "scene" if value == "file" => "each file is a scene",
            "scene" => "the column with the scene",
            _ => "",
        };
        for (name, value) in self.settings.iter().filter(|(name, _)| *name != "encoding") {
            let comment = Some(comment(name, value)).filter(|comment| is_commented && !comment.is_empty());
            let comment = comment.map_or_else(String::new, |comment| format!(" # {comment}"));
            text.push_str(&format!("\n        {name}: {}{comment}", yaml(value)));
        }
        text
    }

    /// Says what was taken for what.
    pub(super) fn summary(&self) -> String {
        let settings = self.settings.iter().map(|(name, value)| format!("{name} `{value}`"));
        let settings: Vec<String> = settings.collect();
        let rest = if settings.is_empty() { String::new() } else { format!(": {}", settings.join(", ")) };
        format!("{}{rest}", self.amount())
    }

    fn amount(&self) -> String {
        format!("{}, {}", counted(self.n_files, "file"), counted(self.n_lines, "line"))
    }
}

/// Returns a value as YAML takes it for a text.
fn yaml(value: &str) -> String {
    let is_plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        && value.starts_with(|c: char| c.is_ascii_alphabetic())
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&&*value.to_ascii_lowercase());
    if is_plain { value.to_owned() } else { Value::from(value).to_string() }
}

fn empty(what: &str, files: &str) -> CliError {
    CliError::usage(format!("there is {what} in {files}; nothing was written"))
        .hint("name other files with `--source`, or leave it out for a sample")
}

fn without_text(look: &Look, files: &str) -> CliError {
    let names: Vec<&str> = look.columns.iter().map(|column| column.name.as_str()).collect();
    CliError::usage(format!(
        "no column of {files} holds a text to translate: there are {}; nothing was written",
        names.join(", ")
    ))
    .hint("name other files with `--source`")
}

/// Returns the columns that may hold the text, the likeliest first: by name, else by how many words they have.
fn texts(look: &Look) -> Vec<(String, bool)> {
    let lettered = look.columns.iter().filter(|column| column.lettered > 0);
    let mut found: Vec<(&Column, usize)> =
        lettered.map(|column| (column, rank(&column.name, &TEXTS))).collect();
    // A column that only repeats a few words, or names things, is no text unless it is called so.
    found.retain(|(column, rank)| *rank < TEXTS.len() || column.worded * 2 > column.filled);
    found.sort_by_key(|(column, rank)| (*rank, std::cmp::Reverse(column.characters), column.name.clone()));
    if found.is_empty() {
        let longest =
            look.columns.iter().filter(|column| column.worded > 0).max_by_key(|column| column.characters);
        found.extend(longest.map(|column| (column, TEXTS.len())));
    }
    found.into_iter().map(|(column, rank)| (column.name.clone(), rank == 0)).collect()
}

/// Returns the columns that tell all rows apart, the likeliest first; a short one that is not called so is one, too.
fn keys(look: &Look, columns: &[&Column]) -> Vec<(String, bool)> {
    let unique = columns.iter().filter(|column| Some(column.filled) == look.rows && column.repeated == 0);
    let mut found: Vec<(&Column, usize)> =
        unique.map(|column| (*column, rank(&column.name, &KEYS))).collect();
    found.retain(|(column, rank)| *rank < KEYS.len() || column.worded == 0);
    found.sort_by_key(|(column, rank)| (*rank, column.characters, column.name.clone()));
    found.into_iter().map(|(column, rank)| (column.name.clone(), rank <= 1)).collect()
}

/// Returns the columns of some names that say something, the surest first.
fn named(columns: &[&Column], names: &[&str]) -> Vec<(String, bool)> {
    let filled = columns.iter().filter(|column| column.filled > 0);
    let mut found: Vec<(&Column, usize)> =
        filled.map(|column| (*column, rank(&column.name, names))).collect();
    found.retain(|(_, rank)| *rank < names.len());
    found.sort_by_key(|(_, rank)| *rank);
    found.into_iter().map(|(column, rank)| (column.name.clone(), rank == 0)).collect()
}

/// Returns how sure a name is among some; as many as there are where it is none of them.
fn rank(name: &str, names: &[&str]) -> usize {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    names.iter().position(|known| *known == plain).unwrap_or(names.len())
}

/// Returns the first of some columns; another one, where several are likely and a person says so.
fn choose<R: BufRead>(
    what: &str,
    columns: &[(String, bool)],
    is_needed: bool,
    interview: Option<&mut Interview<R>>,
) -> Result<Option<String>, CliError> {
    let Some((first, is_sure)) = columns.first() else { return Ok(None) };
    let Some(interview) = interview.filter(|_| columns.len() > 1 && !is_sure) else {
        return Ok(Some(first.clone()));
    };
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let none = if is_needed { "" } else { ", or `none`" };
    let question = match what {
        "text" => "The column to translate",
        "id" => "The column that tells lines apart",
        "speaker" => "The column with the speaker",
        _ => "The column with the scene",
    };
    interview.ask(&format!("{question}: {}{none}", names.join(", ")), first, |answer| match answer {
        "none" if !is_needed && !names.contains(&"none") => Ok(None),
        name if names.contains(&name) => Ok(Some(name.to_owned())),
        name => Err(format!("there is no column `{name}` that could be it")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)], pattern: &str, answers: Option<&str>) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            std::fs::write(folder.path().join(path), text).unwrap();
        }
        let mut interview = answers.map(|answers| Interview::new(answers.as_bytes()));
        let said = |error: CliError| error.message().to_owned();
        let look = look(folder.path(), &[], pattern).map_err(said)?;
        let script = Script::find(folder.path(), &[], pattern, &look, interview.as_mut()).map_err(said)?;
        Ok(script.summary())
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], answers: Option<&str>, expect: &str) {
        assert_eq!(found(files, "*", answers).as_deref(), Ok(expect));
    }

    #[test]
    fn columns_are_found_by_name_and_by_what_they_hold() {
        check(&[("a.csv", "line_id,text,speaker,scene_id\n1,Hello.,A,x\n")], None, "1 file, 1 line");
        check(
            &[("a.csv", "String ID;Japanese;Who;Map\nq1;Good day to you;Mira;m1\nq2;No.;Mira;m1\n")],
            None,
            "1 file, 2 lines: delimiter `;`, id `String ID`, text `Japanese`, speaker `Who`, scene `Map`",
        );
        for (speaker, scene) in [("話者", "場面"), ("名前", "シーン"), ("キャラ", "Map Name")] {
            let script = format!(
                "番号,{speaker},本文,{scene}\n1,ミラ,おはよう、世界。,港\n2,ミラ,さようなら、世界。,港\n"
            );
            let expect =
                format!("1 file, 2 lines: id `番号`, text `本文`, speaker `{speaker}`, scene `{scene}`");
            check(&[("a.csv", &script)], None, &expect);
        }
        check(
            &[("a.csv", "nr,said\n1,Good day to you\n2,No more of it\n")],
            None,
            "1 file, 2 lines: id `nr`, text `said`, scene `file`",
        );
        check(
            &[("a.jsonl", "{\"key\": 7, \"msg\": \"Hi there\"}\n")],
            None,
            "1 file, 1 line: id `key`, text `msg`, scene `file`",
        );
        check(&[("a.txt", "Hello.\n")], None, "1 file, 1 line: scene `file`");
        check(
            &[("a.json", "[{\"name\": \"Mira\", \"message\": \"Hello.\"}]")],
            None,
            "1 file, 1 line: format `table`, scene `file`",
        );
    }

    #[test]
    fn lines_that_no_column_tells_apart_get_ids_from_content() {
        let text = "text,who\nHello there,A\nHello there,A\n";
        check(&[("a.csv", text)], None, "1 file, 2 lines: ids `content`, speaker `who`, scene `file`");
    }

    #[test]
    fn where_several_are_likely_a_person_says_which() {
        let files =
            [("a.csv", "id,original,english\n1,Bon jour à tous,Good day to all\n2,Non merci,No thanks\n")];
        check(&files, None, "1 file, 2 lines: id `id`, text `original`, scene `file`");
        check(&files, Some("x\nenglish\n"), "1 file, 2 lines: id `id`, text `english`, scene `file`");
    }

    #[test]
    fn what_is_no_script_is_refused() {
        let refused = |files: &[(&str, &str)], pattern: &str, part: &str| {
            let why = found(files, pattern, None).unwrap_err();
            assert!(why.contains(part), "{why}");
        };
        refused(&[], "*.csv", "there is no file");
        refused(&[], "a.csv", "there is no file");
        refused(
            &[("a.csv", "id,price\n1,7\n2,8\n")],
            "a.csv",
            "no column of a.csv holds a text to translate: there are id, price",
        );
        refused(&[("a.csv", "id,text\n")], "a.csv", "there is no line in a.csv");
        refused(&[("a.csv", "id,text\n1\n")], "a.csv", "1 problem in the files");
        refused(&[("a.bin", "x")], "a.bin", "does not tell the format");
        refused(&[("a.po", "msgid \"")], "a.po", "in the files");
    }

    #[test]
    fn what_keeps_files_from_being_read_together_is_told() {
        let told = |files: &[(&str, &str)]| {
            let folder = tempfile::tempdir().unwrap();
            files.iter().for_each(|(path, text)| std::fs::write(folder.path().join(path), text).unwrap());
            let look = look(folder.path(), &[], "*").unwrap();
            let nobody = None::<&mut Interview<&[u8]>>;
            let error = Script::find(folder.path(), &[], "*", &look, nobody).unwrap_err();
            (error.message().to_owned(), error.hints().join("; "))
        };
        let odd = ("a.csv", "key,who,said\n1,A,Hello there\n2,B,Good day\n");
        let (message, hints) = told(&[odd, ("b.rpy", "label start:\n    \"Hello there.\"\n")]);
        assert_eq!(message, "b.rpy has no columns, and other files of the script have some");
        assert!(hints.contains("files of one kind with `--source`"), "{hints}");
        let (_, hints) = told(&[odd, ("b.csv", "id,speaker,text\n3,A,Hello my friend\n")]);
        assert!(hints.contains("are to be called the same"), "{hints}");
    }

    #[test]
    fn values_are_texts_in_yaml() {
        for (value, expect) in
            [("Who", "Who"), ("no", "\"no\""), ("String ID", "\"String ID\""), (";", "\";\""), ("1", "\"1\"")]
        {
            assert_eq!(yaml(value), expect);
        }
    }
}
