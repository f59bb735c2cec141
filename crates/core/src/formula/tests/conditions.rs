//! Conditions: words, templates, formulas, and templates inside of formulas.

use super::*;

/// Stands in for the template language: a template is JSON, or the name of something that fails.
fn template(hole: &Hole) -> Result<Json, String> {
    serde_json::from_str(&hole.text).map_err(|_| format!("`{}` is undefined", hole.text))
}

fn holds(text: &str) -> Result<bool, FormulaError> {
    let condition = Condition::parse(text)?;
    condition.holds(&context(), &|number: usize| template(&condition.holes()[number]))
}

fn check(text: &str, expect: bool) {
    assert_eq!(holds(text), Ok(expect), "{text}");
}

fn fails(text: &str, at: usize, words: &str) {
    let error = holds(text).expect_err(text);
    assert!(error.to_string().contains(words), "{text}: {error}");
    assert_eq!(error.at, at, "{text}: {error}");
}

#[test]
fn words() {
    for text in ["true", "True", "YES", " yes ", "1", "on", "On"] {
        check(text, true);
    }
    for text in ["false", "False", "NO", "no\n", "0", "off", "", "  "] {
        check(text, false);
    }
    assert_eq!(Condition::fixed(true).holds(&context(), &|_| Err(String::new())), Ok(true));
}

#[test]
fn one_template() {
    check("{{ true }}", true);
    check("  {{ 0 }} ", false);
    check("{{ 0.5 }}", true);
    check("{{ [] }}", false);
    check(r#"{{ {"a": {}} }}"#, true);
    check(r#"{{ "Yes" }}"#, true);
    check(r#"{{ "" }}"#, false);
    check(r#"{{ "2.5" }}"#, true);
    check(r#"{{ "0.0" }}"#, false);
    fails("{{ null }}", 3, "None, which is neither");
    fails(r#"{{ "maybe" }}"#, 3, "the text 'maybe', which is neither");
    fails("{{ nosuch.thing }}", 3, "`nosuch.thing` is undefined");
    // What a template gives is a value, and never a formula.
    fails(r#"{{ "1 == 1" }}"#, 3, "neither true nor false");
    fails(r#"{{ "__import__('os')" }}"#, 3, "neither true nor false");
}

#[test]
fn formulas() {
    check("2 + 2 == 5", false);
    check("n > 3 and name.startswith('Ann')", true);
    check("list", true);
    check("state['items'][1:]", false);
    fails("none", 0, "None, which is neither");
    fails("name", 0, "'Ann Lee', which is neither");
    fails("nosuch > 2", 0, "`nosuch` is undefined");
    fails("__import__('os').system('touch pwned')", 0, "names that begin with `_`");
}

#[test]
fn templates_inside_of_formulas() {
    check("{{ 5 }} > 3", true);
    check(r#"{{ "5" }} > 3 and {{ "2" }} + 1 == n - 2"#, true);
    check(r#"{{ "done" }} == 'done'"#, true);
    // Beside a text, the text of a template stays one.
    check(r#"{{ "1.10" }} == '1.10' and {{ "1.10" }} == 1.1 and not {{ "1.10" }} == '1.1'"#, true);
    check(r#"{{ "yes" }} == 'yes' and {{ "yes" }} == true"#, true);
    check(r#"{{ "2" }} in ['1', '2'] and {{ "2" }} in [1, 2] and {{ "2" }} in '123'"#, true);
    check(r#"{{ "3" }} not in ['1', 2] and '2' in {{ "123" }}"#, true);
    check(r#"{{ "" }} == ''"#, true);
    check(r#"{{ "007" }} == '007' and {{ "007" }} != 7"#, true);
    // Where truth is asked for, words say it.
    check(r#"{{ "no" }} or {{ "off" }}"#, false);
    check(r#"not {{ "false" }} and n"#, true);
    check(r#"({{ "no" }})"#, false);
    check(r#"1 if {{ "no" }} else 0"#, false);
    fails(r#"{{ "perhaps" }} and true"#, 3, "neither true nor false");
    fails("1 == {{ nosuch }}", 8, "`nosuch` is undefined");
    check("false and {{ nosuch }}", false);
}

#[test]
fn templates_inside_of_quotes() {
    check(r#"'a-{{ "b" }}-c' == 'a-b-c'"#, true);
    check("'{{ 5 }}' == '5' and \"{{ [1, null] }}\" == '[1, None]'", true);
    check(r#"'{{ "" }}' == ''"#, true);
    check(r#"'{{ "' or 1 == 1 or '" }}' == 'x'"#, false);
    check(r#"'{{ "a\\n" }}' == 'a\\n'"#, true);
}

#[test]
fn values_are_never_program() {
    fails(r#"{{ "1 == 1 or 1" }} and true"#, 3, "neither true nor false");
    check(r#"{{ "n" }} == 'n' and {{ "n" }} != 5"#, true);
    check(r#"{{ "[1, 2]" }} == [1, 2]"#, false);
    fails(r#"{{ "a" }}.{{ "b" }}"#, 13, "expected a name");
    fails(r#"{{ "n" }} {{ "> 1" }}"#, 13, "expected the end");
}

#[test]
fn splitting() {
    let holes = |text: &str| -> Vec<(usize, String)> {
        let condition = Condition::parse(text).unwrap();
        condition.holes().iter().map(|hole| (hole.at, hole.text.clone())).collect()
    };
    let of = |parts: &[(usize, &str)]| -> Vec<(usize, String)> {
        parts.iter().map(|(at, text)| (*at, (*text).to_owned())).collect()
    };
    assert_eq!(holes("{{- a -}} == {{ {'b': {}}['}}'] }}"), of(&[(4, "a"), (16, "{'b': {}}['}}']")]));
    assert_eq!(holes("'\u{e9}{{ x }}' == ''"), of(&[(5, "x")]));
    let whole = Condition::parse("{% if a %}true{% endif %}").unwrap();
    assert!(whole.holes()[0].is_template);
    assert_eq!(whole.holds(&context(), &|_| Ok(json!("true"))), Ok(true));
    fails("n > {{ 1", 4, "a `{{` without its `}}`");
    fails("n > 1 }}", 6, "expected the end");
    let long = format!("{{{{ {} }}}} > 1", " ".repeat(5_000));
    assert!(matches!(Condition::parse(&long).unwrap_err().kind, FormulaErrorKind::Limit { .. }));
    assert_eq!(Condition::parse("n > {{ x }}").unwrap().variables().iter().collect::<Vec<_>>(), ["n"]);
}
