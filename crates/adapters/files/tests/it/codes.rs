//! `docs/problems.md` ends with the codes of problems in files.

use std::fmt::Write as _;
use std::path::Path;

use refrain_files::problems::CODES;

const HEAD: &str = "\n# Problems of files\n\nThese are found when files are read or written: with the file, the line and \
the column, all of them at once.\n\n| code | meaning | hint |\n|---|---|---|\n";

#[test]
fn the_table_of_codes_is_up_to_date() {
    let mut table = HEAD.to_owned();
    for (code, meaning, hint) in CODES {
        writeln!(table, "| {code} | {meaning} | {} |", hint.replace('|', "\\|")).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/problems.md");
    let mut written = std::fs::read_to_string(&path).unwrap();
    let at = written.find("\n# Problems of files").unwrap_or(written.len());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        written = format!("{}{table}", &written[..at]);
        std::fs::write(&path, &written).unwrap();
    }
    assert!(written[at..] == table, "docs/problems.md is old: run this test with UPDATE_DOCS=1");
}

#[test]
fn codes_are_in_order_and_distinct() {
    assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

/// Every code that the crate tells is listed, and nothing else is.
#[test]
fn what_is_told_is_listed() {
    let mut told = std::collections::BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("problems.rs")
            {
                let text = std::fs::read_to_string(path).unwrap();
                let codes = text.match_indices("\"E07").filter_map(|(at, _)| text.get(at + 1..at + 6));
                told.extend(codes.map(str::to_owned));
            }
        }
    }
    told.insert("E0700".to_owned());
    assert_eq!(
        told.into_iter().collect::<Vec<_>>(),
        CODES.iter().map(|(code, ..)| *code).collect::<Vec<_>>()
    );
}
