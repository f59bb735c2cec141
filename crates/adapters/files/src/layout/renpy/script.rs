//! One walk through the statements of a script.
//!
//! Blocks are known by their indentation. Dialogue is looked for where Ren'Py would run statements: in labels, choices,
//! conditions and `init` blocks; screens, styles, images, code and blocks of unknown statements hold marked strings at
//! most.

mod spoken;

use std::collections::BTreeMap;

use crate::layout::Slot;
use crate::layout::located::Located;
use crate::layout::renpy::characters::{characters, registered};
use crate::layout::renpy::cursor::Cursor;
use crate::layout::renpy::identifier::Identifiers;
use crate::layout::renpy::literal::Monologue;
use crate::layout::renpy::logical::{Logical, logical_lines};
use crate::layout::renpy::say::say;
use crate::layout::renpy::slots::{Fields, Slots};
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

/// The scene of what stands in no label: every record has one, so that they can be grouped.
pub(super) const UNLABELLED: &str = "unlabelled";

/// What stands between the ids of two lines that are translated together.
pub(super) const SAME_AS: &str = ", the same as ";

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
            if let Some((id, other)) = same_as(&self.text[line.span.clone()]) {
                return self.slots.add_same(line.span.start, id, other);
            }
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
            let scene = if self.is_in_label() { self.scene() } else { UNLABELLED.to_owned() };
            let fields = Fields::default()
                .with("text", string.text.as_str())
                .with("kind", "string")
                .with("scene_id", scene);
            if !string.text.is_empty() {
                self.slots.add(string.place.span.start, None, fields, vec![string.place]);
            }
        }
    }

    /// Returns the scene that dialogue stands in.
    fn scene(&self) -> String {
        self.scene.clone().unwrap_or_else(|| UNLABELLED.to_owned())
    }

    /// Whether the outermost block is one of statements, as a label's is.
    fn is_in_label(&self) -> bool {
        self.blocks.get(1).is_some_and(|block| matches!(block.kind, Kind::Statements | Kind::Menu))
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
}

/// Returns the two ids of a comment that says that a line is translated with another.
fn same_as(comment: &str) -> Option<(&str, &str)> {
    let said = comment.trim_start_matches('#').trim();
    let (id, other) = said.strip_prefix("id:")?.rsplit_once(SAME_AS)?;
    Some((id.trim(), other.trim()))
}

/// Whether what stands between `init` and the colon is a priority at most.
fn is_init(rest: &str) -> bool {
    rest.trim_end_matches(':').trim().trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
}
