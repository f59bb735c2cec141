//! Refuses what would take the parser of the template language too deep.
//!
//! It descends once per operator and keeps no count of these, so that a text of a few thousand operators, which can
//! stand in any pipeline file, would overflow the stack.

use super::TemplateError;

/// The most operators of one expression, brackets, attributes and filters included; commas are free.
const OPERATORS: usize = 250;
/// The deepest brackets of one expression; each costs the parser a dozen calls.
const BRACKETS: usize = 40;
/// The most `elif` of one template.
const ELIFS: usize = 100;
const WORDS: [&str; 7] = ["not", "and", "or", "is", "in", "if", "else"];

/// Checks the blocks of a template.
pub(super) fn check_template(text: &str, blocks: &[super::blocks::Block]) -> Result<(), TemplateError> {
    let mut elifs = 0;
    for block in blocks {
        let block = Block::read(&text[block.range.clone()]);
        block.check()?;
        elifs += block.elifs;
        if elifs > ELIFS {
            return Err(TemplateError::plain(format!("a template has at most {ELIFS} `elif`")));
        }
    }
    Ok(())
}

/// Checks an expression that stands by itself.
pub(super) fn check_expression(text: &str) -> Result<(), TemplateError> {
    Block::read(text).check()
}

/// What is counted of one expression or statement. What stands in quotes does not count.
#[derive(Default)]
struct Block {
    operators: usize,
    deepest: usize,
    elifs: usize,
}

impl Block {
    fn read(text: &str) -> Self {
        let mut block = Self::default();
        let mut quote: Option<char> = None;
        let mut depth = 0_usize;
        let mut skip = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
            match quote {
                _ if at < skip => {}
                Some(_) if c == '\\' => {
                    skip = at + 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
                }
                Some(q) => quote = quote.filter(|_| q != c),
                None if c == '\'' || c == '"' => quote = Some(c),
                None if is_word(c) => skip = at + block.word(&text[at..]),
                None => depth = block.sign(c, depth),
            }
        }
        block
    }

    fn word(&mut self, rest: &str) -> usize {
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        self.operators += usize::from(WORDS.contains(&&rest[..length]));
        self.elifs += usize::from(&rest[..length] == "elif");
        length
    }

    fn sign(&mut self, c: char, depth: usize) -> usize {
        let depth = match c {
            '(' | '[' | '{' => depth + 1,
            ')' | ']' | '}' => return depth.saturating_sub(1),
            _ => depth,
        };
        self.deepest = self.deepest.max(depth);
        self.operators += usize::from(!matches!(c, ',' | ':'));
        depth
    }

    fn check(&self) -> Result<(), TemplateError> {
        if self.operators > OPERATORS {
            return Err(TemplateError::plain(format!("an expression has at most {OPERATORS} operators")));
        }
        if self.deepest > BRACKETS {
            return Err(TemplateError::plain(format!("brackets nest at most {BRACKETS} deep")));
        }
        Ok(())
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use crate::expression::Expression;
    use crate::template::{Context, Template};

    /// What is refused is refused by a count; what is not has room on the stack of a test.
    fn survive(expression: &str) {
        let template = Template::compile("", &format!("{{{{ {expression} }}}}"));
        let _ = template.map(|template| (template.variables(), template.render(&Context::new())));
        let _ = Expression::compile(expression).map(|expression| expression.eval_bool(&Context::new()));
    }

    #[test]
    fn no_expression_overflows_the_stack() {
        for n in [50, 240, 260, 5_000] {
            for piece in [
                "+1",
                ".a",
                "|abs",
                "**1",
                " is number",
                "()",
                "[0]",
                " in 1",
                " or 1",
                "+'}}'",
                "<1",
                " and not 1",
            ] {
                survive(&format!("a{}", piece.repeat(n)));
            }
            for piece in ["-", "not ", "(", "[", "{1:", "1 if 1 else ", "a("] {
                survive(&format!("{}1", piece.repeat(n)));
            }
            let elifs = format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(n));
            assert_eq!(Template::compile("", &elifs).is_ok(), n <= 100);
        }
    }

    #[test]
    fn long_lists_and_texts_are_fine() {
        let list = format!("a in [{}]", "'x, (y) }}', ".repeat(500));
        assert!(Template::compile("", &format!("{{{{ {list} }}}}")).is_ok());
        assert!(Template::compile("", &format!("{} {{{{ a }}}}", "{ ( + }".repeat(1_000))).is_ok());
        assert!(Template::compile("", &"{{ a + b }}".repeat(1_000)).is_ok());
    }
}
