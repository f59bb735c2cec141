//! Files of runs. A state folder may come with a repository, and a link in it may lead anywhere: none is followed, neither to
//! write nor to read; and what is no file is not waited for.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens a file to write at its end, and makes it and its folder where they are not there.
pub(crate) fn append_to(path: &Path) -> io::Result<File> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    open(OpenOptions::new().create(true).append(true), path)
}

/// Opens a file to read it.
pub(crate) fn read(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let options = options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let file = options.open(path).map_err(|error| match error.raw_os_error() {
        Some(code) if code == Errno::LOOP.raw_os_error() => {
            refused("it is a link, and none is followed to a log; remove it")
        }
        // So says the system of a pipe that nobody reads.
        Some(code) if code == Errno::NXIO.raw_os_error() => refused("it is no regular file; remove it"),
        _ => error,
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(refused("it is no regular file; remove it")) }
}

fn refused(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::symlink;

    fn check(name: &str, make: impl Fn(&Path), expect: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("theirs"), "theirs").unwrap();
        let path = folder.path().join("logs").join("run.jsonl");
        fs::create_dir(folder.path().join("logs")).unwrap();
        make(&path);
        for opened in [append_to(&path), read(&path)] {
            let said = opened.err().map(|error| error.to_string());
            match (&said, expect) {
                (None, None) => {}
                (Some(said), Some(expect)) => assert!(said.contains(expect), "{name}: {said}"),
                _ => panic!("{name}: {said:?}"),
            }
        }
        assert_eq!(fs::read_to_string(folder.path().join("theirs")).unwrap(), "theirs", "{name}");
        assert!(!folder.path().join("nothing").exists(), "{name}");
    }

    #[test]
    fn links_and_pipes_are_no_logs() {
        check("new", |_| {}, None);
        check("there", |path| fs::write(path, "{}\n").unwrap(), None);
        check("link", |path| symlink("../theirs", path).unwrap(), Some("it is a link"));
        check("link to nothing", |path| symlink("../nothing", path).unwrap(), Some("it is a link"));
        let pipe = |path: &Path| {
            assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        };
        check("pipe", pipe, Some("no regular file"));
    }

    #[test]
    fn a_file_is_written_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/run.jsonl");
        for line in ["one\n", "two\n"] {
            append_to(&path).unwrap().write_all(line.as_bytes()).unwrap();
        }
        let mut text = String::new();
        read(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }
}
