//! Words of commands that are printed to be pasted.

use crate::args::Globals;

/// Returns a word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "@/_-.,:+=…".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Returns how this program is called on the file of a command; nothing where its name alone does.
pub(crate) fn program(globals: &Globals) -> Option<String> {
    let options = [("-C", &globals.directory), ("-f", &globals.file)];
    let given = options.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?)));
    let words: String =
        given.map(|(option, path)| format!(" {option} {}", quoted(&path.to_string_lossy()))).collect();
    (!words.is_empty()).then(|| format!("refrain{words}"))
}

/// Has the commands of this program that a text quotes call it so; those that say themselves what they are about stay.
pub(crate) fn in_commands(text: &str, program: &str) -> String {
    let mut pieces = text.split("`refrain ");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |out, rest| {
        let name = if rest.starts_with('-') { "refrain" } else { program };
        format!("{out}`{name} {rest}")
    })
}

#[cfg(test)]
mod tests {
    use super::{in_commands, quoted};

    #[test]
    fn commands_are_about_the_same_file() {
        let told = "x: `refrain run a`, or `refrain -C y run`; refrain `refrain`, `refrain plan`";
        let expect = "x: `refrain -f z run a`, or `refrain -C y run`; refrain `refrain`, `refrain -f z plan`";
        assert_eq!(in_commands(told, "refrain -f z"), expect);
    }

    #[test]
    fn words_that_a_shell_would_take_apart_are_quoted() {
        for (word, expect) in
            [("edit@ja/line_1", "edit@ja/line_1"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''")]
        {
            assert_eq!(quoted(word), expect);
        }
    }
}
