//! `docs/problems.md` lists the codes that there are.

use std::fmt::Write;
use std::path::Path;

use refrain_core::check::code::Code;

const HEAD: &str = "# Problems of a pipeline file\n\nEvery problem has a code that never changes its meaning. \
`E` is an error: nothing runs until it is mended. `W` is a\nwarning. The hint is what is shown where nothing better \
is known.\n\n| code | meaning | hint |\n|---|---|---|\n";

#[test]
fn the_table_of_codes_is_up_to_date() {
    let mut table = HEAD.to_owned();
    for code in Code::ALL {
        let hint = code.hint().replace('|', "\\|");
        writeln!(table, "| {} | {} | {hint} |", code.as_str(), code.meaning()).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/problems.md");
    // What follows are the codes of files that people bring back and that a pipeline reads, which others list.
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    table.push_str(before.find("\n# Problems of edits").map_or("", |at| &before[at..]));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &table).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == table, "docs/problems.md is old: run this test with UPDATE_DOCS=1");
}

#[test]
fn codes_are_in_order_and_distinct() {
    let number = |code: &Code| code.as_str()[1..].parse::<u32>().unwrap();
    let numbers: Vec<u32> = Code::ALL.iter().map(number).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
}
