//! Functions that read a loop by its name: each is written as what it stands for.

use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;
use refrain_schemas::name::PhaseName;

use super::code::arguments;
use super::names::{Round, Turn};
use super::reading::Item;
use super::texts::Texts;

const WORDS: [&str; 5] =
    ["loop_var", "loop_item_at", "current_loop_name", "active_loops", "historical_loops"];
/// Why a loop of actions ended; while it goes round it has not.
const REASON: &str = "termination_reason";

/// What is written for a function, and where that ends in the text; nothing where it was refused.
pub(super) type Written = Option<(String, usize)>;

impl Texts<'_, '_, '_> {
    /// Returns what is written for a function of loops, where one is called; `at` is where its name ends.
    pub(super) fn loop_word(
        &mut self,
        item: &Item<'_>,
        name: &str,
        text: &str,
        at: usize,
    ) -> Option<Written> {
        let is_nearest = |round: Round| self.nearest().is_some_and(|turn| turn.round == round);
        if name == REASON && is_nearest(Round::Actions) {
            return Some(Some(("None".to_owned(), at)));
        }
        let has_dollar = text[..at - name.len()].ends_with('$');
        if has_dollar && let Some(written) = self.behind_dollar(item, name) {
            return Some(written.map(|written| (written, at)));
        }
        if !WORDS.contains(&name) {
            return None;
        }
        let (given, end) = arguments(text, at)?;
        let written = match (name, given.as_slice()) {
            ("active_loops", [""]) => {
                let names = self.turns().iter().map(|turn| format!("'{}'", turn.name)).collect::<Vec<_>>();
                Some(format!("[{}]", names.join(", ")))
            }
            ("historical_loops", [""]) => self.loops_before(item),
            ("current_loop_name", [""]) => {
                let name = self.turns().last().map(|turn| format!("'{}'", turn.name));
                Some(name.unwrap_or_else(|| "None".to_owned()))
            }
            ("loop_var", [of, field]) => match quoted(field) {
                Some(field) => self.loop_named(item, of).map(|of| format!("{of}.{field}")),
                None => self.unlike(item, name),
            },
            ("loop_item_at", [of, place]) => {
                self.loop_named(item, of).map(|of| format!("{of}.items[{place}]"))
            }
            _ => self.unlike(item, name),
        };
        Some(written.map(|written| (written, end)))
    }

    /// Returns what is written for a name that means something else behind a `$` than without it.
    fn behind_dollar(&mut self, item: &Item<'_>, name: &str) -> Option<Option<String>> {
        match name {
            "position" => {
                let message = "`$position` is not part of the language".to_owned();
                self.at_name(Code::StepName, item, name, message, Some("write `position`".to_owned()));
                Some(None)
            }
            // The turns of a list have it by no other name.
            "loop_name" => {
                let turns = self.turns();
                let turn = turns.last().filter(|turn| turn.round == Round::Each)?;
                Some(Some(format!("'{}'", turn.name)))
            }
            _ => None,
        }
    }

    /// Returns the loop around, the nearest, its own conditions being within it.
    fn nearest(&self) -> Option<&Turn> {
        self.names.frames.iter().rev().find_map(|frame| frame.turn.as_ref())
    }

    /// Returns how the list that is gone over is read from a turn.
    pub(super) fn items_around(&self) -> Option<String> {
        let is_list = |turn: &&Turn| matches!(turn.round, Round::Each | Round::Queue);
        let turn = self.turns().into_iter().rev().find(is_list)?;
        Some(format!("{}.items", turn.name))
    }

    /// Returns the names of the loops that stand before the step and have one. It comes after them, so that they are over.
    fn loops_before(&mut self, item: &Item<'_>) -> Option<String> {
        let mut at = self.own.clone();
        let is_known = |phase: &PhaseName| {
            self.names.frames.iter().any(|frame| frame.steps.values().any(|step| step.phase == *phase))
        };
        if at.as_ref().is_some_and(|own| !is_known(own)) {
            let message = "`historical_loops()` is for the texts of steps themselves";
            self.reading.at(Code::StepName, item, message, None);
            return None;
        }
        let mut found: Vec<(String, PhaseName)> = Vec::new();
        for frame in self.names.frames.iter().rev() {
            let before = frame.steps.values().take_while(|step| Some(&step.phase) != at.as_ref());
            let named = before.filter_map(|step| Some((step.loop_name.clone()?, step.phase.clone())));
            found = named.chain(found).collect();
            at = frame.turn.as_ref().map(|turn| turn.phase.clone()).or(at);
        }
        let names: Vec<String> = found.iter().map(|(name, _)| format!("'{name}'")).collect();
        self.read.phases.extend(found.into_iter().map(|(_, phase)| phase));
        Some(format!("[{}]", names.join(", ")))
    }

    fn turns(&self) -> Vec<&Turn> {
        let turns = self.names.frames.iter().filter_map(|frame| frame.turn.as_ref());
        turns.filter(|turn| !turn.is_own).collect()
    }

    /// Returns the name of a loop around the text that is written in quotes.
    fn loop_named(&mut self, item: &Item<'_>, written: &str) -> Option<String> {
        let Some(name) = quoted(written) else {
            let message = format!("a loop is named in quotes, and this is `{written}`");
            self.reading.at(Code::StepName, item, message, None);
            return None;
        };
        let names: Vec<String> = self.turns().iter().map(|turn| turn.name.clone()).collect();
        if names.iter().any(|known| known == name) {
            return Some(name.to_owned());
        }
        let hint = suggestion(name, names.iter().map(String::as_str));
        self.at_name(Code::StepName, item, name, format!("there is no loop `{name}` around"), hint);
        None
    }

    fn unlike(&mut self, item: &Item<'_>, name: &str) -> Option<String> {
        let like = match name {
            "loop_var" => "loop_var('LOOP', 'NAME')",
            "loop_item_at" => "loop_item_at('LOOP', NUMBER)",
            "active_loops" => "active_loops()",
            "historical_loops" => "historical_loops()",
            _ => "current_loop_name()",
        };
        let message = format!("`{name}` is not called like this");
        self.at_name(Code::StepName, item, name, message, Some(format!("write `{like}`")));
        None
    }
}

/// Returns a text that is written out in quotes.
pub(super) fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains(['\'', '"', '\\'])).then_some(inner)
}
