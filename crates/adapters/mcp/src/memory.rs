//! What a server's tools were when they were listed, in a file under `.refrain/tools`.

use std::io;
use std::path::{Path, PathBuf};

use refrain_core::ports::tools::ToolList;
use refrain_schemas::digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::listing::entry;

/// The version of the file's format.
const VERSION: u32 = 1;
/// A file larger than this was not written here.
const LIMIT: u64 = 64 << 20;

/// Remembers the tools of one server, for as long as its spec stays the same.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    server: String,
    path: PathBuf,
}

/// What a listing is remembered for, and what goes into the digests of its tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Basis {
    /// The digest of the spec, and of the project files that its command names.
    pub(crate) spec: Digest,
    /// The digest of who the server is.
    pub(crate) identity: Digest,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    version: u32,
    server: String,
    spec: Digest,
    tools: Vec<RememberedTool>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RememberedTool {
    name: String,
    description: String,
    input: Value,
}

impl Memory {
    /// Returns the memory of a server in the state folder of a project; nothing is touched.
    pub(crate) fn new(state: &Path, server: &str) -> Self {
        Self { server: server.to_owned(), path: state.join("tools").join(file_name(server)) }
    }

    /// Returns what is remembered; what cannot be read or was remembered for another spec is as good as forgotten.
    pub(crate) async fn load(&self, basis: &Basis) -> Option<ToolList> {
        let size = tokio::fs::metadata(&self.path).await.ok()?.len();
        let bytes = if size <= LIMIT { tokio::fs::read(&self.path).await.ok()? } else { return None };
        let remembered: Remembered = serde_json::from_slice(&bytes).ok()?;
        let fits = remembered.version == VERSION
            && remembered.spec == basis.spec
            && remembered.server == self.server;
        let tools = remembered.tools.into_iter();
        let tools = tools.map(|tool| entry(tool.name, tool.description, tool.input, &basis.identity));
        fits.then(|| ToolList { tools: tools.collect() })
    }

    /// Remembers a listing. One that cannot be remembered is listed again next time, which is no reason to fail.
    pub(crate) async fn save(&self, basis: &Basis, list: &ToolList) {
        let tools = list.tools.iter().map(|tool| RememberedTool {
            name: tool.name.clone(),
            description: tool.description.clone(),
            input: tool.input.clone(),
        });
        let remembered = Remembered {
            version: VERSION,
            server: self.server.clone(),
            spec: basis.spec,
            tools: tools.collect(),
        };
        if let Ok(mut bytes) = serde_json::to_vec_pretty(&remembered) {
            bytes.push(b'\n');
            let _read_only = self.write(&bytes).await;
        }
    }

    /// Writes beside the file and moves it there, so that nobody ever reads half of it.
    async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        tokio::fs::create_dir_all(folder).await?;
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{}.new", std::process::id()));
        // A new file alone is written to: under that name a link may lie that leads elsewhere.
        let _none_left = tokio::fs::remove_file(&name).await;
        let mut file = tokio::fs::OpenOptions::new().write(true).create_new(true).open(&name).await?;
        file.write_all(bytes).await?;
        file.flush().await?;
        let moved = tokio::fs::rename(&name, &self.path).await;
        if moved.is_err() {
            let _gone = tokio::fs::remove_file(&name).await;
        }
        moved
    }
}

/// Returns a name that is safe in every file system, and is no other server's.
fn file_name(server: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
    let plain: String = server.chars().take(40).map(safe).collect();
    if plain == server && !plain.is_empty() {
        format!("{plain}.json")
    } else {
        format!("_{plain}.{}.json", Digest::of_content(server.as_bytes()).short())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn basis(spec: &[u8], identity: &[u8]) -> Basis {
        Basis { spec: Digest::of_content(spec), identity: Digest::of_content(identity) }
    }

    #[tokio::test]
    async fn a_listing_is_remembered_for_its_spec() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::new(folder.path(), "files");
        let one = basis(b"one", b"a");
        assert_eq!(memory.load(&one).await, None);
        let input = json!({"type": "object"});
        let list = ToolList { tools: vec![entry("t".into(), "d".into(), input.clone(), &one.identity)] };
        memory.save(&one, &list).await;
        assert_eq!(memory.load(&one).await, Some(list));
        assert_eq!(memory.load(&basis(b"two", b"a")).await, None);
        let other = basis(b"one", b"b");
        let moved = ToolList { tools: vec![entry("t".into(), "d".into(), input, &other.identity)] };
        assert_eq!(memory.load(&other).await, Some(moved));
        let files: Vec<_> = std::fs::read_dir(folder.path().join("tools")).unwrap().collect();
        assert_eq!(files.len(), 1);
    }

    #[tokio::test]
    async fn what_is_broken_or_cannot_be_written_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::new(folder.path(), "files");
        std::fs::create_dir(folder.path().join("tools")).unwrap();
        std::fs::write(folder.path().join("tools/files.json"), b"{\"version\": 1").unwrap();
        assert_eq!(memory.load(&basis(b"", b"")).await, None);
        let nowhere = Memory::new(&folder.path().join("tools/files.json"), "x");
        nowhere.save(&basis(b"", b""), &ToolList { tools: Vec::new() }).await;
        assert_eq!(nowhere.load(&basis(b"", b"")).await, None);
    }

    #[test]
    fn file_names_are_safe_and_apart() {
        assert_eq!(file_name("my-server_1"), "my-server_1.json");
        let odd = ["../x", ".._x", "", "a/b", "a b", "日本"].map(file_name);
        assert!(odd.iter().all(|name| !name.contains(['/', ' ']) && !name.starts_with('.')), "{odd:?}");
        let all: std::collections::BTreeSet<_> = odd.iter().collect();
        assert_eq!(all.len(), odd.len());
    }
}
