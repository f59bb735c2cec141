//! One walk through the statements of a script.
//!
//! Blocks are known by their indentation. Dialogue is looked for where Ren'Py would run statements: in labels, choices,
//! conditions and `init` blocks; screens, styles, images, code and blocks of unknown statements hold marked strings at
//! most.

use std::collections::BTreeMap;

use crate::layout::Slot;
use crate::layout::located::Located;
use crate::layout::renpy::characters::{characters, registered};
use crate::layout::renpy::cursor::Cursor;
use crate::layout::renpy::identifier::Identifiers;
use crate::layout::renpy::literal::{Literal, Monologue, SayQuoting, say_text};
use crate::layout::renpy::logical::{Logical, logical_lines};
use crate::layout::renpy::say::{Part, Say, say};
use crate::layout::renpy::slots::{Fields, Slots, spoken_place};
use crate::layout::renpy::strings::marked;
use crate::layout::renpy::translate::{Pairs, Translated};

/// Words that begin statements which say nothing.
const STATEMENTS: &[&str] = &[
    "add",
    "at",
    "break",
    "call",
    "camera",
    "continue",
    "default",
    "define",
    "elif",
    "else",
    "for",
    "hide",
    "if",
    "image",
    "init",
    "jump",
    "label",
    "layeredimage",
    "menu",
    "nvl",
    "one_line_python",
    "pass",
    "pause",
    "play",
    "python",
    "queue",
    "return",
    "rpy",
    "scene",
    "screen",
    "show",
    "stop",
    "style",
    "testcase",
    "testsuite",
    "transform",
    "translate",
    "voice",
    "while",
    "window",
    "with",
];

/// Words that begin blocks of statements.
const BLOCKS: &[&str] = &["if", "elif", "else", "while", "for"];

/// A block that is open.
#[derive(Debug)]
struct Block {
    /// The indentation of the statement that opened it; none for the file.
    indent: Option<usize>,
    kind: Kind,
    /// Statements that are translated together with the dialogue behind them.
    group: Vec<String>,
}

#[derive(Debug)]
enum Kind {
    Statements,
    Menu,
    /// Nothing here is said.
    Other,
    Translated(Translated),
    Pairs(Pairs),
}

/// Walks through a script.
#[derive(Debug)]
pub(super) struct Script<'a, 'b> {
    text: &'a str,
    found: &'b mut Located<'a>,
    characters: BTreeMap<String, String>,
    registered: Vec<&'a str>,
    blocks: Vec<Block>,
    identifiers: Identifiers,
    monologue: Monologue,
    scene: Option<String>,
    global: String,
    /// Who spoke last.
    last: Option<String>,
    /// Comments since the last statement.
    comments: Vec<Logical>,
    slots: Slots,
}

/// Finds what is said in a script.
pub(super) fn slots<'a>(text: &'a str, found: &mut Located<'a>) -> Vec<Slot> {
    let lines = logical_lines(text, found);
    let claimed = lines.iter().filter_map(|line| say(text, line)?.clauses.id.map(str::to_owned)).collect();
    let root = Block { indent: None, kind: Kind::Statements, group: Vec::new() };
    let mut script = Script {
        text,
        found,
        characters: characters(text, &lines),
        registered: registered(text, &lines),
        blocks: vec![root],
        identifiers: Identifiers::new(claimed),
        monologue: Monologue::Double,
        scene: None,
        global: String::new(),
        last: None,
        comments: Vec::new(),
        slots: Slots::default(),
    };
    for line in &lines {
        script.line(line);
    }
    while script.close() {}
    script.slots.in_order(text)
}

impl Script<'_, '_> {
    fn line(&mut self, line: &Logical) {
        if line.is_comment {
            self.comments.push(line.clone());
            return;
        }
        while self.blocks.last().and_then(|block| block.indent).is_some_and(|indent| line.indent <= indent) {
            self.close();
        }
        let comments = std::mem::take(&mut self.comments);
        match self.blocks.last_mut().map(|block| &mut block.kind) {
            Some(Kind::Statements) => self.statement(line, &comments),
            Some(Kind::Menu) => self.menu_line(line),
            Some(Kind::Translated(translated)) => translated.line(self.text, line, &comments),
            Some(Kind::Pairs(pairs)) => pairs.line(self.text, line, &comments, self.found, &mut self.slots),
            Some(Kind::Other) | None => {}
        }
        for string in marked(self.text, line, self.found) {
            let fields = Fields::default().with("text", string.text.as_str()).with("kind", "string");
            if !string.text.is_empty() {
                self.slots.add(string.place.span.start, None, fields, vec![string.place]);
            }
        }
    }

    /// Closes the innermost block; says whether it was not the file.
    fn close(&mut self) -> bool {
        self.flush();
        let Some(block) = self.blocks.pop() else { return false };
        match block.kind {
            Kind::Translated(translated) => {
                translated.finish(self.text, &self.characters, self.found, &mut self.slots);
            }
            Kind::Pairs(mut pairs) => pairs.finish(self.found),
            Kind::Statements | Kind::Menu | Kind::Other => {}
        }
        // The statement that opened the block cuts off what was before it.
        self.flush();
        !self.blocks.is_empty()
    }

    fn open(&mut self, line: &Logical, kind: Kind) {
        self.blocks.push(Block { indent: Some(line.indent), kind, group: Vec::new() });
    }

    /// Ends the group of statements that no dialogue followed: it has an identifier all the same.
    fn flush(&mut self) {
        let Some(block) = self.blocks.last_mut() else { return };
        let group = std::mem::take(&mut block.group);
        if !group.is_empty() {
            self.identifiers.give(&group, None);
        }
    }

    fn statement(&mut self, line: &Logical, comments: &[Logical]) {
        let mut cursor = Cursor::new(self.text, line);
        let begins_quoted = cursor.clone().literal().is_some();
        let word = if begins_quoted { None } else { cursor.word() };
        let opens = self.text[line.span.clone()].ends_with(':');
        match word {
            Some("label") => self.label(&mut cursor, line),
            Some("menu") if opens => self.menu(&mut cursor, line),
            Some("translate") if opens => self.translate(&mut cursor, line, comments),
            Some("voice") => self.together(line),
            Some("nvl") if cursor.passes_word("clear") => self.together(line),
            Some("init") if opens && is_init(cursor.rest()) => self.open(line, Kind::Statements),
            Some(word) if opens && BLOCKS.contains(&word) => self.open(line, Kind::Statements),
            Some("call") => self.call(line),
            Some("rpy") => self.directive(&mut cursor),
            Some(word) if self.says_nothing(word) => self.other(line, opens),
            _ => self.spoken(line, opens, begins_quoted),
        }
    }

    fn says_nothing(&self, word: &str) -> bool {
        STATEMENTS.contains(&word) || self.registered.contains(&word)
    }

    fn other(&mut self, line: &Logical, opens: bool) {
        if opens {
            self.open(line, Kind::Other);
        } else {
            self.flush();
        }
    }

    fn together(&mut self, line: &Logical) {
        if let Some(block) = self.blocks.last_mut() {
            block.group.push(self.text[line.span.clone()].to_owned());
        }
    }

    fn label(&mut self, cursor: &mut Cursor<'_>, line: &Logical) {
        let Some(name) = cursor.dotted() else {
            self.found.add(cursor.at, "E0742", "a label has a name");
            return;
        };
        let name = self.full_name(name);
        let is_hidden = cursor.rest().trim_end_matches(':').trim_end().ends_with(" hide");
        if !is_hidden {
            self.identifiers.enter(&name);
            if !name.starts_with('_') {
                self.scene = Some(name);
            }
        }
        self.open(line, Kind::Statements);
    }

    /// Completes the name of a local label.
    fn full_name(&mut self, name: &str) -> String {
        if name.starts_with('.') {
            return format!("{}{name}", self.global);
        }
        self.global = name.split('.').next().unwrap_or_default().to_owned();
        name.to_owned()
    }

    fn menu(&mut self, cursor: &mut Cursor<'_>, line: &Logical) {
        if let Some(name) = cursor.dotted() {
            let name = self.full_name(name);
            self.identifiers.enter(&name);
            self.flush();
        }
        self.open(line, Kind::Menu);
    }

    /// A call may set a label to come back to.
    fn call(&mut self, line: &Logical) {
        let text = &self.text[line.span.clone()];
        if let Some((_, label)) = text.rsplit_once(" from ") {
            let label = self.full_name(label.trim());
            self.identifiers.enter(&label);
        }
        self.flush();
    }

    fn directive(&mut self, cursor: &mut Cursor<'_>) {
        if cursor.passes_word("monologue") {
            self.monologue = match cursor.word() {
                Some("single") => Monologue::Single,
                Some("none") => Monologue::None,
                _ => Monologue::Double,
            };
        }
        self.flush();
    }

    fn translate(&mut self, cursor: &mut Cursor<'_>, line: &Logical, comments: &[Logical]) {
        let (language, id) = (cursor.dotted(), cursor.dotted());
        let (Some(language), Some(id)) = (language, id) else {
            let message = "`translate` names a language and an identifier, or `strings`";
            self.found.add(line.span.start, "E0744", message);
            self.open(line, Kind::Other);
            return;
        };
        let kind = match id {
            "strings" => Kind::Pairs(Pairs::new(language)),
            "python" | "style" | "early" => Kind::Other,
            _ => Kind::Translated(Translated::new(self.text, language, id, comments, self.monologue)),
        };
        self.open(line, kind);
    }

    fn menu_line(&mut self, line: &Logical) {
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
        let fields = Fields::default()
            .with("text", text)
            .with("kind", kind)
            .with_some("scene_id", self.scene.as_deref());
        let quoting = SayQuoting::shared(true, literal.quote);
        if !text.is_empty() {
            let place = spoken_place(literal.whole.clone(), text, quoting);
            self.slots.add(literal.whole.start, None, fields, vec![place]);
        }
    }

    fn spoken(&mut self, line: &Logical, opens: bool, begins_quoted: bool) {
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
            .with_some("scene_id", self.scene.as_deref())
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

/// Whether what stands between `init` and the colon is a priority at most.
fn is_init(rest: &str) -> bool {
    rest.trim_end_matches(':').trim().trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
}
