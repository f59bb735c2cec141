//! The files that a definition names.

use refrain_core::ports::files::{FileError, Loaded, ProjectFiles as _};
use refrain_files::FsProjectFiles;

use crate::folder::{Folder, block_on};

fn check(file: &str, contents: &[u8], expect: Result<&[&str], &str>) {
    let folder = Folder::new(&[(file, contents)]);
    let loaded = block_on(FsProjectFiles::new(folder.path("")).load(file));
    let records = match loaded.as_ref().map_err(ToString::to_string) {
        Ok(Loaded::Records(records)) => Ok(records.iter().map(|record| record.as_str()).collect::<Vec<_>>()),
        Ok(Loaded::Document(document)) => Err(document.to_string()),
        Err(message) => Err(message),
    };
    assert_eq!(records, expect.map(<[&str]>::to_vec).map_err(str::to_owned), "{file}");
}

#[test]
fn context_files_are_understood_by_their_names() {
    check(
        "a.csv",
        b"term,note\nx,y\nx,z\n",
        Ok(&[r#"{"note":"y","term":"x"}"#, r#"{"note":"z","term":"x"}"#]),
    );
    check("a.jsonl", b"{\"b\":1}\n", Ok(&[r#"{"b":1}"#]));
    check("a.json", b"[{\"b\":1}, {}]", Ok(&[r#"{"b":1}"#, "{}"]));
    check("a.json", b"[]", Ok(&[]));
    check("a.json", b"{\"b\": 1}", Err(r#"{"b":1}"#));
    check("a.json", b"[1, {}]", Err("[1,{}]"));
    check("a.md", b"\xef\xbb\xbfHello\n", Err("\"Hello\\n\""));
    check("a.txt", b"a\nb\n", Err("\"a\\nb\\n\""));
    check("a.json", b"{", Err("a.json:1:1: not JSON: EOF while parsing an object"));
    check("a.md", b"ok\nb\xc3d", Err("a.md:2:2: byte 0xc3 is not UTF-8"));
}

#[test]
fn files_outside_are_refused() {
    let folder = Folder::new(&[("p/a", b"x"), ("b", b"secret")]);
    let files = FsProjectFiles::new(folder.path("p"));
    assert_eq!(block_on(files.read("./a")).unwrap(), b"x");
    assert!(matches!(block_on(files.read("../b")), Err(FileError::Outside { .. })));
    assert!(matches!(block_on(files.stamp("/etc/hosts", None)), Err(FileError::Outside { .. })));
    assert!(matches!(block_on(files.load("c")), Err(FileError::Missing { .. })));
    let exists = |path: &str| block_on(files.exists(path));
    assert_eq!([exists("a"), exists("../b"), exists("."), exists("c")], [true, false, false, false]);
}
