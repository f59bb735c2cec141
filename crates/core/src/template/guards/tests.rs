//! Where guards stand, and what they are not put into.

use super::*;

fn check(expression: &str, expect: &str) {
    let guarded = Guarded::expression(expression).unwrap();
    let short = guarded
        .text
        .replace("|_operand", "°")
        .replace("|_entries", "§")
        .replace("|_factor", "×")
        .replace("|_count", "#");
    let short = short.replace("|_sliced", "^").replace("|_few", "+");
    assert_eq!(short, expect);
    let marks: usize = guarded.guards.iter().map(|(_, length)| length).sum();
    assert_eq!(guarded.place(guarded.text.len()), guarded.text.len() - marks);
    assert_eq!(guarded.place(0), 0);
}

#[test]
fn guards_stand_behind_what_operators_read() {
    check("a", "a");
    check("a | upper ~ b.c[0] ~ 'x ~ y'", "a | upper° ~ b.c[0]° ~ 'x ~ y'°");
    check("a + b * c - d", "a° + b× * c× - d");
    check("'-' * n | length ~ x", "'-' * n | length# ~ x°");
    check("x * 3 - 3 * x", "x+ * 3 - 3 * x+");
    check("x * 3 * y", "x× * 3× * y×");
    check("3 * x * y", "3 * x× * y×");
    check("x * y * 3", "x× * y× * 3×");
    check("x * 300", "x× * 300×");
    check("-a < 1.5 and not b", "-a° < 1.5° and not b");
    check("a in b and c not in [d, e]", "a° in b§ and c° not in [d, e]§");
    check("f(a ~ b, in=c) == 'a'", "f(a° ~ b°, in=c°)° == 'a'°");
    check("(a ~ b) | length > 3", "(a° ~ b°) | length° > 3°");
    check("a is in(b) or a is not in b", "a is in(b) or a is not in b");
    check("a is defined and a.in == 'q\\'~' if b else c", "a is defined and a.in° == 'q\\'~'° if b else c");
    check("{'a': b ~ c}[d:e ~ f]", "({'a': b° ~ c°}^)[d°:e° ~ f°]");
    check("a.b[1:][0].c[:x] ~ d", "((a.b^)[1:][0].c^)[:x°]° ~ d°");
    check("a[b[1:2]] + [c[::2], 'd'[1:]]", "a[(b^)[1:2]°]° + [(c^)[::2], ('d'^)[1:]]°");
    check("(a | f)[1:] in b[1:]", "((a | f)^)[1:]° in (b^)[1:]§");
    check("not a[1:] and -b[1:] == not c", "not (a^)[1:] and -(b^)[1:]° == not c°");
    check("a | f[1:]", "a | f[1:]");
    check("a ** 2 // 3 % 4", "a ** 2 // 3 % 4");
    check("not not a in b", "not not a° in b§");
    check("]a ~ b)", "]a° ~ b°)");
    check("loop.changed(a or b, (c), 1)", "loop.changed(a° or b°, (c)°, 1)");
    check("{a: b, 'c': d, (e or f): g}", "{a°: b, 'c': d, (e or f)°: g}");
    check("a[0][b]['c'] | map(d) | join(e)", "a[0][b°]['c'] | map(d) | join(e)");
    check("a ~ 1.5e-5", "a° ~ 1.5e-5°");
}

fn check_template(template: &str, expect: Result<&str, (u32, u32, &str)>) {
    let guarded = Guarded::template(template);
    let short = guarded.map(|guarded| guarded.text.replace("|_operand", "°").replace("|_entries", "§"));
    match (short, expect) {
        (Ok(short), Ok(expect)) => assert_eq!(short, expect),
        (Err(error), Err((line, column, part))) => {
            assert_eq!((error.line, error.column), (line, column), "{error}");
            assert!(error.message.contains(part), "{error}");
        }
        (short, _) => panic!("{template}: {short:?}"),
    }
}

#[test]
fn only_expressions_of_templates_have_guards() {
    check_template("a ~ b {{ a ~ b }}", Ok("a ~ b {{ a° ~ b° }}"));
    check_template("{%- set x = a ~ b -%}", Ok("{%- set x = a° ~ b° -%}"));
    check_template("{% for x in a + b if x == 1 %}", Ok("{% for x in a° + b° if x° == 1° %}"));
    check_template(
        "{# a ~ b #}{% raw %}{{ a ~ b }}{% endraw %}{{ {'a': {}} ~ b }}",
        Ok("{# a ~ b #}{% raw %}{{ a ~ b }}{% endraw %}{{ {'a': {}}° ~ b° }}"),
    );
    check_template("{% if a == '%}' %}x ~ y{% endif %}", Ok("{% if a° == '%}'° %}x ~ y{% endif %}"));
    check_template("x\n {% macro f(x) %}", Err((2, 5, "`macro` is not part of templates; name values with")));
    check_template("{% set x %}y{% endset %}", Err((1, 4, "`set` without `=`")));
    for captured in [
        "{% set a|default('=') %}{{ a }}{{ a }}{% endset %}",
        "{% set a %}{{ b == c }}{% endset %}",
        "{% set (a, b)|x('=') %}{% endset %}",
        "{%-\nset\na\n|\nx(b='=') %}{% endset %}",
    ] {
        let error = Guarded::template(captured).unwrap_err();
        assert!(error.message.contains("`set` without `=`"), "{captured}: {error}");
    }
    check_template("{% set a, b = c ~ d %}", Ok("{% set a, b = c° ~ d° %}"));
    check_template("{% set (a, b) = c %}", Ok("{% set (a, b) = c %}"));
    check_template("{% for x in y recursive %}", Err((1, 15, "`recursive`")));
    check_template("{% for x in y\nrecursive\n%}", Err((2, 1, "`recursive`")));
    check_template("{% for x in [y]recursive-%}", Err((1, 16, "`recursive`")));
    check_template("{% for x in y if 1recursive %}", Err((1, 18, "a number is followed")));
    check_template("{% raw %}{% endraw x %}{{ ) {% endraw %}{% set x %}", Err((1, 44, "`set`")));
    check_template("{#} {% raw %} #}{% set x %}", Err((1, 20, "`set`")));
    check_template("{# {{ ' #}{% set x %}", Err((1, 14, "`set`")));
    check_template("{{ loop.cycle() }}", Err((1, 14, "`cycle`")));
    check_template("{%- filter upper %}", Err((1, 5, "`filter`")));
    let sets = "{% set a = [[[a]]] %}".repeat(200);
    check_template(&sets, Err((0, 0, "at most 600 operators")));
}
