//! Game scripts of any size, the same for the same size: for seeing how a pipeline fares with a real one's bulk.
//!
//! A script has scenes of twenty lines on three routes, one CSV file per route. Every scene has speakers of its own; some
//! lines mention a name, a term or an idiom, some hold placeholders, codes and numbers, and some are said again and again.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// The lines of a scene.
pub const SCENE: usize = 20;

/// Who speaks. The first letters of the names are their own, and no name is part of another word of the script.
pub const SPEAKERS: [&str; 12] = [
    "Aldous", "Brisa", "Corwin", "Delphine", "Edric", "Fenna", "Gideon", "Hesper", "Imre", "Jocasta",
    "Kester", "Liesel",
];

/// Words with one translation.
pub const TERMS: [&str; 8] =
    ["lantern", "harbour", "night watch", "silver key", "old mill", "council", "north gate", "tide bell"];

const ROUTES: [&str; 3] = ["main", "coast", "tower"];

/// What is said; `@` is a name, `#` a number, `^` a term.
const PATTERNS: [&str; 24] = [
    "I have been at the ^ since dawn, and nobody came.",
    "You are late. {w}Again.",
    "Number # on the list is missing.",
    "Has anybody seen @ today?",
    "Hold this for me, [player], and don't drop it.",
    "It is raining on the #th step, as it always is.",
    "That is what the ^ is for, isn't it?",
    "Once in a blue moon, perhaps. {w=0.5}Not tonight.",
    "{i}Quiet!{/i} There is somebody at the door.",
    "We have %s left, and %d of them are broken.",
    "Tell @ that I was right about the ^.",
    "I don't believe a word of it.",
    "First the stairs,\\nthen the door, then run.",
    "What would it cost? {w}More than #?",
    "Nobody has been up there for # years.",
    "Yes.",
    "A piece of cake, you said. A {b}piece of cake{/b}.",
    "If the wind turns, we go without @.",
    "The key is under the mat. It is always under the mat.",
    "...",
    "You can see the ^ from here, if you lean out far enough.",
    "I counted them twice: #, and one that moved.",
    "Good night, [player].",
    "Leave it be. It has been broken longer than you have been here.",
];

/// A line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its id.
    pub id: String,
    /// Its scene.
    pub scene: String,
    /// Its route.
    pub route: &'static str,
    /// Who says it.
    pub speaker: &'static str,
    /// What is said.
    pub text: String,
}

/// Returns the line at a position of a script.
#[must_use]
pub fn line(n: usize) -> Line {
    let scene = n / SCENE;
    // Every number here has no factor in common with what it is taken by, so that everything meets everything.
    let mixed = n.wrapping_mul(7) ^ scene.wrapping_mul(5);
    let pattern = PATTERNS[(mixed + n / 17) % PATTERNS.len()];
    let name = SPEAKERS[(scene + n / 3) % SPEAKERS.len()];
    let term = TERMS[(scene * 3 + n) % TERMS.len()];
    let text = pattern.replace('@', name).replace('^', term).replace('#', &(n % 997).to_string());
    Line {
        id: format!("line_{n:06}"),
        scene: format!("scene_{scene:05}"),
        route: ROUTES[scene % ROUTES.len()],
        speaker: SPEAKERS[(scene * 5 + n % 4) % SPEAKERS.len()],
        text,
    }
}

/// Writes a script of so many lines into a folder, one CSV file per route.
///
/// # Errors
/// Fails where a file cannot be written.
pub fn write(folder: &Path, lines: usize) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for route in ROUTES {
        let mut csv = String::from("line_id,scene_id,route_id,speaker,text,note\n");
        for line in (0..lines).map(line).filter(|line| line.route == route) {
            let Line { id, scene, speaker, text, .. } = &line;
            let written = writeln!(csv, "{id},{scene},{route},{speaker},\"{}\",", text.replace('"', "\"\""));
            written.map_err(io::Error::other)?;
        }
        std::fs::write(folder.join(format!("{route}.csv")), csv)?;
    }
    Ok(())
}

/// Returns a glossary of the script: every name and every term, with what it is called in a language.
#[must_use]
pub fn glossary(language: &str) -> String {
    let mut csv = String::from("term,translation,forbidden,case,note\n");
    let names = SPEAKERS.iter().map(|name| (*name, "yes"));
    for (term, case) in names.chain(TERMS.iter().map(|term| (*term, ""))) {
        let _infallible = writeln!(csv, "{term},{}{language},,{case},", term.to_uppercase());
    }
    csv
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn scripts_have_everything_in_them() {
        let lines: Vec<Line> = (0..2_000).map(line).collect();
        let scenes: BTreeSet<&str> = lines.iter().map(|line| line.scene.as_str()).collect();
        assert_eq!(scenes.len(), 100);
        let count = |part: &str| lines.iter().filter(|line| line.text.contains(part)).count();
        for part in SPEAKERS.iter().chain(&TERMS).chain(&["{w}", "%s", "\\n", "[player]"]) {
            assert!((3..400).contains(&count(part)), "{part}: {}", count(part));
        }
        assert!(
            lines.iter().all(|line| SPEAKERS.contains(&line.speaker) && !line.text.contains(['@', '#', '^']))
        );
        let texts: BTreeSet<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert!(texts.len() < lines.len() && texts.len() > 500, "{} texts", texts.len());
    }
}
