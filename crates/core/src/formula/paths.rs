//! What a formula reads from its context, as paths.

use std::collections::BTreeSet;

use super::tree::{Each, Kind, Node, Piece};

/// Returns the dotted paths of the names that a formula does not bind itself.
///
/// A path goes as far as names and quoted keys say it: `a['b'].c[0].d` reads `a.b.c`.
pub(super) fn paths(root: &Node) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(root, &mut Vec::new(), &mut found);
    found
}

/// Returns the path of a part that is nothing but one.
pub(super) fn path(node: &Node) -> Option<String> {
    let (base, step) = match &node.kind {
        Kind::Name(name) => return Some(name.clone()),
        Kind::Key(base, key) => (&**base, key.as_str()),
        Kind::Index(nodes) => (&nodes[0], quoted_key(&nodes[1])?),
        _ => return None,
    };
    path(base).map(|base| format!("{base}.{step}"))
}

/// Returns a key that can be a step of a path.
fn quoted_key(node: &Node) -> Option<&str> {
    let key = match &node.kind {
        Kind::Quoted(pieces) => match pieces.as_slice() {
            [Piece::Text(key)] => key,
            _ => return None,
        },
        _ => return None,
    };
    (!key.contains('.')).then_some(key)
}

fn collect<'n>(node: &'n Node, bound: &mut Vec<&'n str>, found: &mut BTreeSet<String>) {
    if let Some(path) = path(node) {
        let root = path.split('.').next().unwrap_or_default();
        if !bound.contains(&root) {
            found.insert(path);
        }
        return;
    }
    if let Kind::Each(each) = &node.kind {
        return within(each, node, bound, found);
    }
    for child in node.children() {
        collect(child, bound, found);
    }
}

/// Collects from a comprehension, whose names are not there yet for what it goes over.
fn within<'n>(each: &'n Each, node: &'n Node, bound: &mut Vec<&'n str>, found: &mut BTreeSet<String>) {
    collect(&each.over, bound, found);
    let n_bound = bound.len();
    bound.extend(each.names.iter().map(String::as_str));
    for child in node.children().into_iter().skip(1) {
        collect(child, bound, found);
    }
    bound.truncate(n_bound);
}
