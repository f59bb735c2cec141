//! No bytes make the loader panic or take long.

use std::collections::BTreeMap;

use proptest::prelude::*;
use refrain_config::{parse, render_plain};

use crate::fake::load_with;

const VALID: &str = include_str!("valid/game.yaml");

fn survive(bytes: &[u8]) {
    for file in ["refrain.yaml", "refrain.json"] {
        let loaded = load_with(bytes, file, &BTreeMap::new());
        let errors = loaded.problems.iter().any(|problem| problem.code.starts_with('E'));
        assert_eq!(loaded.model.is_none(), errors, "{:?}", loaded.problems);
        let places = loaded.problems.iter().filter_map(|problem| problem.place.as_ref());
        let lines: Vec<u32> = places.map(|place| place.line).collect();
        assert_eq!(lines.len(), loaded.problems.len());
        assert!(lines.is_sorted());
        drop(render_plain(&loaded.problems, &parse(bytes, file).sources(), true));
    }
}

proptest! {
    #![proptest_config(refrain_testkit::fuzz::config(100))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&bytes);
    }

    #[test]
    fn a_changed_pipeline(bytes in refrain_testkit::fuzz::changed(VALID.as_bytes().to_vec())) {
        survive(&bytes);
    }

    #[test]
    fn any_yamlish_text(text in "[-a-c0-3:,\\[\\]{}&*!|>'\"#%@`<?~ \\n\\t\u{e9}\u{65e5}]{0,120}") {
        survive(text.as_bytes());
    }

    #[test]
    fn a_mutated_pipeline(cuts in prop::collection::vec((0..VALID.len(), 0..12_usize, "[-a-z0:,\\[\\]{} \\n\\t]{0,4}"), 1..6)) {
        let mut bytes = VALID.as_bytes().to_vec();
        for (at, remove, insert) in cuts {
            let at = at.min(bytes.len());
            let end = (at + remove).min(bytes.len());
            bytes.splice(at..end, insert.into_bytes());
        }
        survive(&bytes);
    }
}
