//! Functions that read a loop by its name: each is written as what it stands for.

use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;

use super::code::arguments;
use super::names::Turn;
use super::reading::Item;
use super::texts::Texts;

const WORDS: [&str; 4] = ["loop_var", "loop_item_at", "current_loop_name", "active_loops"];

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
        if !WORDS.contains(&name) {
            return None;
        }
        let (given, end) = arguments(text, at)?;
        let written = match (name, given.as_slice()) {
            ("active_loops", [""]) => {
                let names = self.turns().iter().map(|turn| format!("'{}'", turn.name)).collect::<Vec<_>>();
                Some(format!("[{}]", names.join(", ")))
            }
            ("current_loop_name", [""]) => match self.turns().last() {
                Some(turn) => Some(format!("'{}'", turn.name)),
                None => {
                    let message = format!("`{name}()` is called, and there is no loop around");
                    self.reading.at(Code::StepName, item, message, None);
                    None
                }
            },
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
        self.reading.at(Code::StepName, item, format!("there is no loop `{name}` around"), hint);
        None
    }

    fn unlike(&mut self, item: &Item<'_>, name: &str) -> Option<String> {
        let like = match name {
            "loop_var" => "loop_var('LOOP', 'NAME')",
            "loop_item_at" => "loop_item_at('LOOP', NUMBER)",
            "active_loops" => "active_loops()",
            _ => "current_loop_name()",
        };
        let message = format!("`{name}` is not called like this");
        self.reading.at(Code::StepName, item, message, Some(format!("write `{like}`")));
        None
    }
}

fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains(['\'', '"', '\\'])).then_some(inner)
}
