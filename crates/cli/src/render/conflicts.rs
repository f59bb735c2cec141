//! Conflicts of a merge: who proposed what, and which rule chose.

use refrain_schemas::why::Conflict;

use crate::render::page::{Page, Tone};

/// Writes conflicts.
pub(crate) fn write(page: &mut Page, target: &str, conflicts: &[Conflict]) {
    if conflicts.is_empty() {
        return page.line(&[(Tone::Strong, target), (Tone::Plain, " has no conflicts")]);
    }
    for conflict in conflicts {
        page.gap();
        let chosen = if conflict.chosen.is_some() { "" } else { ", none chosen" };
        let rule = format!("  (rule: {}{chosen})", conflict.rule);
        page.line(&[(Tone::Strong, &conflict.key), (Tone::Faint, &rule)]);
        for (n, proposal) in conflict.proposals.iter().enumerate() {
            let chosen = conflict.chosen.is_some_and(|chosen| chosen as usize == n);
            let (tone, mark) = if chosen { (Tone::Good, "  *") } else { (Tone::Plain, "   ") };
            let who = match proposal.sample {
                0 => format!("{}/{}:", proposal.agent, proposal.unit),
                sample => format!("{}/{} sample {sample}:", proposal.agent, proposal.unit),
            };
            page.wrapped(&[(tone, mark), (tone, &who)], proposal.record.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::page::Theme;
    use serde_json::json;

    #[test]
    fn the_chosen_proposal_is_marked() {
        let conflicts: Vec<Conflict> = serde_json::from_value(json!([{
            "key": "issue_1", "rule": "vote", "chosen": 1,
            "proposals": [
                {"unit": "line_1", "agent": "critic", "sample": 0, "record": {"rule": "length"}},
                {"unit": "line_1", "agent": "critic", "sample": 1, "record": {"rule": "tone"}}
            ]
        }]))
        .unwrap();
        let mut page = Page::new(Theme { color: false, width: 80 });
        write(&mut page, "qa@ja", &conflicts);
        insta::assert_snapshot!(page.as_str(), @r#"
        issue_1  (rule: vote)
            critic/line_1: {"rule":"length"}
          * critic/line_1 sample 1: {"rule":"tone"}
        "#);
    }
}
