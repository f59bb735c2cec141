//! What is said and chosen in a script, as records.

use crate::layout::renpy::cursor::Cursor;
use crate::layout::renpy::literal::{Literal, SayQuoting, say_text};
use crate::layout::renpy::logical::Logical;
use crate::layout::renpy::say::{Part, Say, say};
use crate::layout::renpy::script::{Kind, Script};
use crate::layout::renpy::slots::{Fields, spoken_place};

impl Script<'_, '_> {
    pub(super) fn menu_line(&mut self, line: &Logical) {
        let mut cursor = Cursor::new(self.text, line);
        let Some(literal) = cursor.literal() else {
            if let Some(said) = say(self.text, line).filter(|said| said.who != Some("set")) {
                self.say(line, &said, true);
            }
            return;
        };
        let is_caption = cursor.is_over();
        let opens = self.text[line.span.clone()].ends_with(':');
        if !is_caption && !opens {
            match say(self.text, line) {
                Some(said) => self.say(line, &said, true),
                None => {
                    let message = "a choice is a text, a condition if it has one, and a colon";
                    self.found.add(cursor.at, "E0742", message);
                }
            }
            return;
        }
        match say_text(self.text, literal) {
            Ok(text) => self.choice(literal, &text, is_caption),
            Err(_) => self.bad_escape(literal.whole.start),
        }
        if opens {
            self.open(line, Kind::Statements);
        }
    }

    fn choice(&mut self, literal: &Literal, text: &str, is_caption: bool) {
        let kind = if is_caption { "caption" } else { "choice" };
        let fields = Fields::default().with("text", text).with("kind", kind).with("scene_id", self.scene());
        let quoting = SayQuoting::shared(true, literal.quote);
        if !text.is_empty() {
            let place = spoken_place(literal.whole.clone(), text, quoting);
            self.slots.add(literal.whole.start, None, fields, vec![place]);
        }
    }

    pub(super) fn spoken(&mut self, line: &Logical, opens: bool, begins_quoted: bool) {
        match say(self.text, line) {
            Some(said) => self.say(line, &said, false),
            None if begins_quoted || self.is_character(line) => {
                let hint =
                    "dialogue is a speaker, attributes, a text in quotes and clauses such as `with dissolve`";
                let at = line.literals.first().map_or(line.span.start, |literal| literal.whole.end);
                self.found.add_with_hint(at, "E0742", "not understood as dialogue", hint);
            }
            None => self.other(line, opens),
        }
    }

    fn is_character(&self, line: &Logical) -> bool {
        let name = Cursor::new(self.text, line).dotted();
        !line.literals.is_empty()
            && name.is_some_and(|name| name == "extend" || self.characters.contains_key(name))
    }

    fn say(&mut self, line: &Logical, said: &Say<'_>, in_menu: bool) {
        for part in said.parts(self.monologue) {
            match &part.plain {
                Ok(plain) if plain == "{clear}" && said.literal.triple => self.push("nvl clear"),
                Ok(plain) => self.part(line, said, &part, plain, in_menu),
                Err(_) => self.bad_escape(part.span.start),
            }
        }
    }

    fn push(&mut self, code: &str) {
        if let Some(block) = self.blocks.last_mut() {
            block.group.push(code.to_owned());
        }
    }

    fn part(&mut self, line: &Logical, said: &Say<'_>, part: &Part, plain: &str, in_menu: bool) {
        // What a menu says belongs to the statements before the menu.
        let depth = self.blocks.len() - 1 - usize::from(in_menu);
        let before = std::mem::take(&mut self.blocks[depth].group);
        let code = said.code(plain, in_menu);
        let id = code.and_then(|code| {
            let codes: Vec<String> = before.iter().cloned().chain([code]).collect();
            self.identifiers.give(&codes, said.clauses.id)
        });
        if plain.is_empty() {
            return;
        }
        let name = self.speaker_name(said.who);
        let fields = Fields::default()
            .with("text", plain)
            .with("kind", "say")
            .with_some("speaker", said.who)
            .with_some("speaker_name", name)
            .with("scene_id", self.scene())
            .with_text("attributes", said.manner)
            .with_text("clauses", &said.written_clauses(in_menu))
            .with_some("before", (!before.is_empty()).then_some(before));
        let at = part.span.start.max(line.span.start);
        self.slots.add(at, id, fields, vec![spoken_place(part.span.clone(), plain, part.quoting.clone())]);
    }

    /// Returns the name that a speaker is shown with; who extends is who spoke.
    fn speaker_name(&mut self, who: Option<&str>) -> Option<String> {
        let name = match who {
            Some("extend") => return self.last.clone(),
            Some(who) if who.starts_with(['"', '\'']) => Some(who.trim_matches(['"', '\'']).to_owned()),
            Some(who) => self.characters.get(who).cloned(),
            None => None,
        };
        self.last.clone_from(&name);
        name
    }

    fn bad_escape(&mut self, at: usize) {
        self.found.add(at, "E0745", "an escape in the text stands for no character");
    }
}
