//! What every workspace does.

use refrain_core::ports::files::FileError;
use refrain_core::ports::workspace::{Kind, Workspace};

/// Checks that files and folders are told apart, in a workspace that is empty.
///
/// # Panics
/// Panics where one is taken for the other.
pub async fn folders_are_no_files(workspace: &dyn Workspace) {
    for path in ["in/a.txt", "in/deep/b.txt"] {
        assert!(workspace.write(path, b"x").await.is_ok(), "{path} can be written");
    }
    for (path, expect) in [
        ("in/a.txt", Some(Kind::File)),
        ("in", Some(Kind::Folder)),
        ("in/deep", Some(Kind::Folder)),
        (".", Some(Kind::Folder)),
        ("in/nope", None),
        ("nope/a.txt", None),
        ("in/a.txt/x", None),
    ] {
        assert_eq!(workspace.kind(path).await.ok(), Some(expect), "{path}");
    }
    assert!(matches!(workspace.kind("../x").await, Err(FileError::Outside { .. })));
    assert!(matches!(workspace.read("in").await, Err(FileError::Io { .. })), "a folder is not read");
    assert!(matches!(workspace.stamp("in").await, Err(FileError::Io { .. })), "a folder has no stamp");
    assert!(matches!(workspace.write("in", b"x").await, Err(FileError::Io { .. })), "nor is it written");
    assert!(matches!(workspace.stamp("in/nope").await, Ok(None)));
    assert!(matches!(workspace.list("in/a.txt").await, Err(FileError::Missing { .. })));
    let listed = workspace.list("in").await.unwrap_or_default();
    let listed: Vec<(&str, &str, bool)> =
        listed.iter().map(|it| (it.name.as_str(), it.path.as_str(), it.is_folder)).collect();
    assert_eq!(listed, [("a.txt", "in/a.txt", false), ("deep", "in/deep", true)]);
}
