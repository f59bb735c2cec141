//! What tools a server has.

use refrain_core::ports::tools::{Tool, ToolList};
use refrain_schemas::digest::{Digest, Digester};
use refrain_schemas::json::Json;
use serde_json::Value;

use crate::trouble::Trouble;

/// The most bytes of a listing.
const LIMIT: usize = 16 << 20;

/// Returns the tools of a server as the engine knows them, by name in order; where two have one name, the first counts.
pub(crate) fn listing(tools: Vec<rmcp::model::Tool>, server: &Digest) -> Result<ToolList, Trouble> {
    let mut size = 0;
    let mut listed: Vec<Tool> = Vec::with_capacity(tools.len());
    for tool in tools {
        let description = tool.description.map(std::borrow::Cow::into_owned).or(tool.title);
        let input = Value::Object(tool.input_schema.as_ref().clone());
        let tool = entry(tool.name.into_owned(), description.unwrap_or_default(), input, server);
        size += tool.name.len() + tool.description.len() + tool.input.to_string().len();
        if size > LIMIT {
            return Err(Trouble::permanent(format!("its list of tools has more than {} MiB", LIMIT >> 20)));
        }
        listed.push(tool);
    }
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    listed.dedup_by(|later, first| later.name == first.name);
    Ok(ToolList { tools: listed })
}

/// Returns a tool with its digest.
pub(crate) fn entry(name: String, description: String, input: Value, server: &Digest) -> Tool {
    let mut digester = Digester::new("refrain tool v1");
    digester.digest(server).part(name.as_bytes()).part(description.as_bytes());
    digester.part(canonical(&input).as_bytes());
    Tool { digest: digester.finish(), name, description, input }
}

/// Canonical JSON, but for numbers that it does not know.
fn canonical(value: &Value) -> String {
    Json::of(value).map_or_else(|_| value.to_string(), |json| json.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool(name: &'static str, description: &'static str, input: &Value) -> rmcp::model::Tool {
        let input = input.as_object().cloned().unwrap_or_default();
        rmcp::model::Tool::new(name, description, input)
    }

    #[test]
    fn tools_stand_in_order_and_once() {
        let server = Digest::of_content(b"server");
        let tools = vec![tool("b", "1", &json!({})), tool("a", "", &json!({})), tool("b", "2", &json!({}))];
        let listed = listing(tools, &server).unwrap();
        let names: Vec<_> = listed.tools.iter().map(|t| (t.name.as_str(), t.description.as_str())).collect();
        assert_eq!(names, [("a", ""), ("b", "1")]);
    }

    #[test]
    fn everything_that_matters_is_in_the_digest() {
        let server = Digest::of_content(b"server");
        let digest = |tool, server| listing(vec![tool], server).unwrap().tools[0].digest;
        let whole = digest(tool("a", "d", &json!({"x": 1, "y": u64::MAX})), &server);
        assert_eq!(whole, digest(tool("a", "d", &json!({"y": u64::MAX, "x": 1})), &server));
        let others = [
            digest(tool("b", "d", &json!({"x": 1, "y": u64::MAX})), &server),
            digest(tool("a", "e", &json!({"x": 1, "y": u64::MAX})), &server),
            digest(tool("a", "d", &json!({"x": 2, "y": u64::MAX})), &server),
            digest(tool("a", "d", &json!({"x": 1, "y": u64::MAX})), &Digest::of_content(b"other")),
        ];
        assert!(!others.contains(&whole));
    }
}
