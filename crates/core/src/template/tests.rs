//! What templates make, what they refuse, and where they say that a mistake is.

use serde_json::json;

use super::*;

fn render(text: &str) -> Result<String, String> {
    let context = Context::of(&json!({
        "scope": {"language": "ja"}, "unit": {"id": "a", "text": "<b> & \"c\""}, "list": [{"b": 1, "a": 2}],
    }));
    let template = Template::compile("", text).map_err(|e| format!("{}:{} {e}", e.line, e.column))?;
    template.render(&context).map_err(|e| format!("{}:{} {e}", e.line, e.column))
}

#[test]
fn templates_render_without_escaping() {
    assert_eq!(render("out/{{ scope.language }}.csv"), Ok("out/ja.csv".into()));
    assert_eq!(render("{{ unit.text }}"), Ok("<b> & \"c\"".into()));
    assert_eq!(render("no { braces }"), Ok("no { braces }".into()));
    assert_eq!(render("{{ list | json }}"), Ok("[{\"a\":2,\"b\":1}]".into()));
    assert_eq!(render("{{ 'a\nb' | indent(2) }}"), Ok("a\n  b".into()));
}

#[test]
fn mistakes_have_a_place() {
    assert_eq!(render("x\n{{ scope.tone }}"), Err("2:4 `scope.tone` is undefined".into()));
    assert!(render("a {{ b").unwrap_err().starts_with("1:"), "{:?}", render("a {{ b"));
    assert!(render(&"{{ (".repeat(1000)).unwrap_err().contains("at most"));
}

#[test]
fn endless_templates_end() {
    let text = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
    assert_eq!(render(text), Err("1:0 more than 2000000 steps".into()));
    assert!(render("{% include 'x' %}").is_err());
}

#[track_caller]
fn check_refused(text: &str, expect: &str) {
    let rendered = render(text).map(|text| text.len());
    assert!(matches!(&rendered, Err(error) if error.contains(expect)), "{text:.200}: {rendered:?}");
}

const WORK: &str = "more work than on 256 MiB of text";

/// What a few lines could make of a small text is told of before it is made.
#[test]
fn nothing_builds_itself_up() {
    let check = |value: &str, length: usize| {
        let line = format!("{{% set a = {value} %}}");
        check_refused(
            &format!("{{% set a = '{}' %}}{}{{{{ a }}}}", "x".repeat(length), line.repeat(50)),
            WORK,
        );
    };
    check("a ~ a", 20_000);
    check("a + a", 20_000);
    check("[a, a] | json", 20_000);
    check("[a] + [a]", 20_000);
    check("a | replace('x', a)", 300);
    check("a | list | join(a)", 300);
}

/// What looks at a value in which the same value stands twice, and so on down, looks at no more than the limit.
#[test]
fn what_nests_in_itself_is_charged_wherever_it_is_looked_at() {
    let check = |line: &str, look: &str, expect: &str| {
        let twice = format!("{{% set a = {line} %}}").repeat(40);
        check_refused(&format!("{{% set a = ['x'] %}}{twice}{look}"), expect);
    };
    for look in [
        "{{ a }}",
        "{{ a | safe | length }}",
        "{{ a | escape | length }}",
        "{{ a | e | length }}",
        "{{ a | capitalize }}",
        "{{ a is startingwith 'x' }}",
        "{{ 'x' is endingwith(a) }}",
        "{{ a is lower }}",
        "{{ [a] | map('string') | first }}",
        "{{ [a] | select('startingwith', 'x') | first }}",
        "{% for x in 'ab' %}{{ loop.changed(a or x) }}{% endfor %}",
        "{{ {a: 1} }}",
        "{{ {}[a] }}",
        "{{ {} | attr(a) }}",
        "{{ range(a) }}",
    ] {
        check("[a, a]", look, WORK);
    }
    check("a | chain(a)", "{{ a | length }}", WORK);
    check("a + a", "{{ 1 }}", WORK);
    check("a | zip(a)", "{{ 1 }}", WORK);
    // Nothing may come of it in the end, as long as nothing is done for it either.
    let none = |line: &str| {
        let text = format!("{{% set a = {line} %}}").repeat(40);
        render(&format!("{{% set a = [] %}}{text}{{{{ a | list | length }}}}"))
    };
    assert_eq!(none("a + a"), Ok("0".into()));
    assert_eq!(none("a | chain(a)"), Ok("0".into()));
    assert_eq!(none("a | zip(a)"), Ok("0".into()));
    let maps = "{% set a = a | chain(a) %}".repeat(40);
    assert_eq!(render(&format!("{{% set a = {{}} %}}{maps}{{{{ a | length }}}}")), Ok("0".into()));
}

#[test]
fn nothing_is_captured() {
    let line = "{% set a|default('=') %}{{ a }}{{ a }}{% endset %}".repeat(40);
    check_refused(&format!("{{% set a = 'x' %}}{line}"), "`set` without `=`");
    check_refused("{% for x in [1]\nrecursive\n%}{% set s = loop([x]) %}{% endfor %}", "`recursive`");
    check_refused("{% raw %}{% endraw x %}{{ ) {% endraw %}{% set a %}x{% endset %}", "`set` without `=`");
}

#[test]
fn small_things_ask_for_nothing_large() {
    let check = check_refused;
    check("{{ 'x' * 100000000 }}", "a text is repeated a whole number of times, 10000 at most");
    check("{{ 'x' * 100 * 100000 }}", "a text is repeated once");
    check("{{ 'x' * -(-100000000) }}", "a text is repeated once");
    check("{{ 900000000 // 3 * 'x' }}", "`*` multiplies numbers, not a string");
    check("{{ 101 * [1] }}", "`*` multiplies numbers, not a sequence");
    check("{% set a = 'x' * 9999 %}{% for b in range(999) %}{% set c = 100 * a %}{% endfor %}", WORK);
    check("{% for b in range(999) %}{{ 'x' * 9999 }}{% endfor %}", WORK);
    check("{{ 'x' | indent(100000000) }}", "a width is at most 10000");
    check("{{ [1] | tojson(indent=100000000) }}", "a width is at most 10000");
    check("{{ '%099999999d' | format(1) }}", "a width is at most 10000");
    check("{{ '%*d' | format(99999999, 1) }}", "a width is at most 10000");
    check("{{ [1] | slice(99999999999) | list }}", WORK);
    check("{{ [1] | batch(99999999999, 0) | list }}", WORK);
    check("{% set ns = namespace(x=1) %}", "");
    check("{{ [range(99999) | list] | tojson(indent=9999) }}", WORK);
    check("{{ range(99999) | map('string') | sum(start='') }}", "more work than");
    check(&format!("{{{{ '{}' | format(a=1) }}}}", "%(a)9999d".repeat(50_000)), WORK);
    check("{{ 1 is divisibleby 0 }}", "nothing is divisible by 0");
    check("{{ range(9223372036854775807, -9223372036854775807, -1) }}", "less than 10 digits");
    let line = "x".repeat(100_000);
    check(&format!("{{% for a in range(999) %}}{line}{{% endfor %}}"), "more than 32 MiB");
    check(
        &format!("{{% set b = '{line}' %}}{{% for a in range(9999) %}}{{{{ b == b }}}}{{% endfor %}}"),
        WORK,
    );
}

#[test]
fn texts_are_repeated_a_little() {
    assert_eq!(render("{{ '=' * 3 }}{{ '-' * (1 + 2) }}{{ 2 * 'ab' }}"), Ok("===---abab".into()));
    assert_eq!(render("{{ [1] * 2 }} {{ 'ab' * 'xyz' | length }}"), Ok("[1, 1] ababab".into()));
    assert_eq!(render("[{{ '-' * (2 - 5) }}{{ '-' * 0 }}]"), Ok("[]".into()));
    check_refused("{{ '-' * (-2.5) }}", "a whole number of times");
    assert_eq!(render("{{ 2 * 3 * 4 }} {{ 7 // 2 * 3 }}"), Ok("24 9".into()));
}

#[test]
fn guards_are_not_seen() {
    check_refused("a\n{{ 1 ~ nothing ~ 2 }}", "2:4 `nothing` is undefined");
    check_refused("{{ 1 ~ 2 }}{{ scope.tone ~ 1 }}", "1:15 `scope.tone` is undefined");
    check_refused("{{ 1 ~ 2 }} {{ unit.text * 200 }}", "`*` multiplies numbers, not a string");
    let text = "{{ (1 + 2) * 3 ~ (2 in [1, 2]) ~ ('a' not in 'bc') }}";
    assert_eq!(render(text), Ok("9TrueTrue".into()));
}

#[test]
fn variables_are_paths() {
    let template = Template::compile(
        "",
        "{% for x in unit.records %}{{ x.y }}{{ scope.language }}{{ range(3) }}{% endfor %}",
    );
    let variables: Vec<String> = template.unwrap().variables().into_iter().collect();
    assert_eq!(variables, ["scope.language", "unit.records"]);
}
