//! What the steps dialect makes of templates.

use serde_json::json;

use crate::expression::Expression;
use crate::template::{Context, Dialect, Template, known_filter_in};

fn rendered(text: &str) -> Result<String, String> {
    let context = Context::of(&json!({
        "title": "Hello, World! Again", "xs": [3, 1, 2], "obj": {"a": 1, "b": [true, null]}, "who": "me", "n": 41,
        "f": 1e20, "quote": "it's", "row": {"items": [1], "name": "x"}, "execution": {"started_at": "2024-01-02T03:04:05Z"},
    }));
    let template = Template::compile_in(Dialect::Steps, "", text).map_err(|error| error.to_string())?;
    template.render(&context).map_err(|error| error.to_string())
}

#[track_caller]
fn check(text: &str, expect: &str) {
    assert_eq!(rendered(text).as_deref(), Ok(expect), "{text}");
}

#[track_caller]
fn refused(text: &str, expect: &str) {
    let rendered = rendered(text).map(|text| text.len());
    assert!(matches!(&rendered, Err(error) if error.contains(expect)), "{text:.200}: {rendered:?}");
}

#[test]
fn values_print_as_in_python() {
    check(
        "{{ xs }} {{ obj }} {{ true }} {{ none }} {{ f }}",
        "[3, 1, 2] {'a': 1, 'b': [True, None]} True None 1e+20",
    );
    check("{{ [quote, 'a\"b', 1.0] }}", "[\"it's\", 'a\"b', 1.0]");
    check("{{ n + 1 }} {{ quote }} {{ 7 / 2 }} {{ 7 // 2 }}", "42 it's 3.5 3");
    check("{{ True }}{{ False }}{{ None }}", "TrueFalseNone");
    check("{{ 'a' ~ xs ~ obj.b }}", "a[3, 1, 2][True, None]");
}

/// What is not there is no null where a list or a map holds it, either.
#[test]
fn what_is_undefined_goes_on_nowhere() {
    for text in [
        "x {{ [row] | map(attribute='zz') | list }}",
        "x {{ {'a': row.zz} }}",
        "{{ [row] | map(attribute='zz') | to_json }}",
        "{{ [[row.zz]] | tojson }}",
        "{{ [row] | map(attribute='zz') | join }}",
    ] {
        refused(text, "undefined");
    }
    check("{{ [row, {}] | map(attribute='name') | select('defined') | list }}", "['x']");
    check("{{ [row] | map(attribute='zz', default='d') | list }} {{ [row.zz] | length }}", "['d'] 1");
    check("{{ [none] | to_json }} {{ [none] }}", "[\n  null\n] [None]");
    let value = |text: &str| {
        let context = Context::of(&json!({"rows": [{"a": 1}, {"a": null}]}));
        Expression::compile_in(Dialect::Steps, text)
            .unwrap()
            .eval(&context)
            .map_err(|error| error.to_string())
    };
    assert_eq!(value("rows | map(attribute='a') | list"), Ok(json!([1, null])));
    let told = value("{'deep': rows | map(attribute='zz') | list}").unwrap_err();
    assert!(told.contains("something in `{'deep'") && told.contains("is undefined"), "{told}");
    assert_eq!(value("rows | map(attribute='zz') | list | length"), Ok(json!(2)));
}

/// Those of Jinja2, but for the one that hangs on chance.
#[test]
fn filters_of_jinja_are_there_but_for_one() {
    let all = "abs attr batch capitalize center count d default dictsort e escape filesizeformat first float forceescape \
        format groupby indent int items join last length list lower map max min pprint random reject rejectattr replace \
        reverse round safe select selectattr slice sort string striptags sum title tojson trim truncate unique upper \
        urlencode urlize wordcount wordwrap xmlattr";
    let missing: Vec<&str> = all.split(' ').filter(|name| !known_filter_in(Dialect::Steps, name)).collect();
    assert_eq!(missing, ["random"]);
}

#[test]
fn filters_are_those_of_steps_files() {
    check("{{ title | slugify }}", "hello-world-again");
    check("{{ title | upper }}", "HELLO, WORLD! AGAIN");
    check("{{ title | truncate_words(2) }}", "Hello, World!...");
    check("{{ xs | join('-') }}|{{ xs | join }}", "3-1-2|3, 1, 2");
    check("{{ xs | sort | first }} {{ xs | max }} {{ xs | sum }} {{ xs | last }}", "1 3 6 2");
    check("{{ xs | loop_get(1) }} {{ xs | next_in_loop(0) }} {{ xs | prev_in_loop(2) }}", "1 1 1");
    check("{{ xs | loop_get(3) }} {{ xs | next_in_loop(2) }} {{ xs | prev_in_loop(0) }}", "None None None");
    refused("{{ nobody | loop_get(0) }}", "undefined");
    refused("{{ n | loop_get(0) }}", "it is no list");
    check("{{ obj | tojson }}", "{\"a\": 1, \"b\": [true, null]}");
    check("{{ obj | to_json }}", "{\n  \"a\": 1,\n  \"b\": [\n    true,\n    null\n  ]\n}");
    check("{{ '{\"k\": [1,2]}' | from_json }}", "{'k': [1, 2]}");
    check(
        "{{ '{\"k\": {\"z\": 2.0, \"a\": null}, \"b\": 1}' | from_json }}",
        "{'k': {'z': 2.0, 'a': None}, 'b': 1}",
    );
    check("{{ '{\"z\": 2.0, \"a\": []}' | from_json | to_json(indent=0) }}", "{\"z\": 2.0, \"a\": []}");
    check("{{ {'z': 1, 'a': {'y': 2, 'b': 3}} }}", "{'z': 1, 'a': {'y': 2, 'b': 3}}");
    check("{{ '/a/b/c.txt' | basename }}", "c.txt");
    check("{{ 'abc-123' | regex_search('[0-9]+') }}|{{ 'abc' | regex_search('[0-9]+') }}", "123|None");
    check("{{ 'abc-123' | regex_replace('[0-9]', '#') }}", "abc-###");
    check("{{ 'a1 b2' | regex_replace('([a-z])([0-9])', '\\\\2$\\\\1') }}", "1$a 2$b");
    check("{{ 'a b c' | split }}{{ 'a,b' | split(',') }}", "['a', 'b', 'c']['a', 'b']");
    check("{{ nothing | default('dflt') }}{{ obj.nothing | default('d') }}", "dfltd");
    check(
        "{{ '42' | int + 1 }} {{ '1.5' | float }} {{ 2.567 | round(1) }} {{ 'x' | int(7) }}",
        "43 1.5 2.6 7",
    );
    check("{{ 2.5 | round }} {{ 1234 | round(-2) }} {{ 2.1 | round(0, 'ceil') }}", "2.0 1200 3.0");
    check(
        "{{ title | length }} {{ title | truncate(8) }} {{ title | truncate(8, true, '…', 0) }}",
        "19 Hello... Hello, …",
    );
    check("{{ '2024-01-02' | date('%d.%m.%Y') }} {{ now() | date }}", "02.01.2024 2024-01-02");
    check(
        "{{ now().strftime('%Y%m%d 00:00 100%%') }} {{ now().isoformat()[:10] }} {{ '2024-01-02'.strftime('%j') }}",
        "20240102 00:00 100% 2024-01-02 002",
    );
    refused("{{ 'x'.strftime('%Y') }}", "`x` is no date");
    refused("{{ now().strftime() }}", "`strftime(FORMAT)`");
    refused("{{ now().strftime('%-9999d') }}", "no widths");
    check(
        "{{ 'one two three' | wordwrap(8) }}|{{ 'abcdefgh ij' | wordwrap(5) }}",
        "one two\nthree|abcde\nfgh\nij",
    );
    check("{{ 'a well-known thing\n\nb' | wordwrap(7, wrapstring='/') }}", "a well-/known/thing//b");
    check("{{ 'abcdefgh ij' | wordwrap(5, false) }}|{{ '  a' | wordwrap(9) }}", "abcdefgh\nij|  a");
    check(
        "{{ 'See (https://a.b/?x=1&y), me@c.de or x<y.' | urlize }}",
        "See (<a href=\"https://a.b/?x=1&amp;y\" rel=\"noopener\">https://a.b/?x=1&amp;y</a>), \
         <a href=\"mailto:me@c.de\">me@c.de</a> or x&lt;y.",
    );
    check("{{ 'www.a.b x.org' | urlize | length }}", "101");
    check(
        "<p{{ {'id': 'a\"', 'no': none, 'n': 1} | xmlattr }}>{{ {} | xmlattr }}",
        "<p id=\"a&#34;\" n=\"1\">",
    );
    refused("{{ {'a b': 1} | xmlattr }}", "cannot be the name of an attribute");
    check(
        "{{ 'a b/ü' | urlencode }} {{ 'one two' | wordcount }}[{{ 'x' | center(3) }}]",
        "a%20b/%C3%BC 2[ x ]",
    );
}

#[test]
fn filters_write_what_jinja_writes() {
    check(r#"{{ '<b>"x" & y/z</b>\'' | e }}"#, "&lt;b&gt;&#34;x&#34; &amp; y/z&lt;/b&gt;&#39;");
    check(
        "{{ '<' | escape | e }} {{ '<' | safe | e }} {{ none | e }} {{ '<' | e | forceescape }}",
        "&lt; < None &amp;lt;",
    );
    check(
        r#"{{ {'<a>': 'é✓\'&👍'} | tojson }}"#,
        r#"{"\u003ca\u003e": "\u00e9\u2713\u0027\u0026\ud83d\udc4d"}"#,
    );
    check("{{ '<é' | json }} {{ '<é' | to_json }}", "\"<é\" \"<é\"");
    check("{{ [1, {'a': 2}] | tojson(2) }}", "[\n  1,\n  {\n    \"a\": 2\n  }\n]");
    check("{{ {'a b': 'c&d/', 'x': 1} | urlencode }}", "a+b=c%26d%2F&x=1");
    check(
        "{{ [['a', 1], ['b', 'ü']] | urlencode }} {{ 'a/b?c' | urlencode }} {{ 5 | urlencode }}",
        "a=1&b=%C3%BC a/b%3Fc 5",
    );
    refused("{{ xs | urlencode }}", "a list of pairs");
}

#[test]
fn numbers_are_made_as_jinja_makes_them() {
    check(
        "{{ '99999999999999999999' | int }} {{ '-99999999999999999999' | int + 1 }}",
        "99999999999999999999 -99999999999999999998",
    );
    check(
        "{{ '1e30' | int }} {{ 1e19 | int }} {{ '1e400' | int(3) }}",
        "1000000000000000019884624838656 10000000000000000000 3",
    );
    refused(&format!("{{{{ '{}' | int }}}}", "9".repeat(40)), "more than 38 digits");
    refused("{{ '1e50' | int(0) }}", "more than 38 digits");
    check(
        "{{ '0x1f' | int(0, 16) }} {{ '0x1f' | int(base=0) }} {{ '0x1f' | int(9) }} {{ 'zz' | int(0, 36) }}",
        "31 31 9 1295",
    );
    check(
        "{{ ' -1_000 ' | int }} {{ '1__0' | int }} {{ '12.9' | int(0, 16) }} {{ '0b12' | int(7, 0) }}",
        "-1000 0 12 7",
    );
    refused("{{ '1' | int(0, 1) }}", "the base of a number");
    check("{{ 42 | round(2) }} {{ 42 | round }} {{ 42 | round(0, 'ceil') }}", "42 42 42.0");
    check(
        "{{ 1250 | round(-2) }} {{ 1350 | round(-2) }} {{ -1250 | round(-2) }} {{ 7 | round(-99) }}",
        "1200 1400 -1200 0",
    );
    check(
        "{{ +n }} {{ 2 * +n }} {{ -+n }} {{ (+n) | string }} {{ xs[+1] }} {{ xs[+1:][+0] }} {{ 1 + +n }}",
        "41 82 -41 41 1 1 42",
    );
    refused("{{ +'a' }}", "unexpected");
}

#[test]
fn what_is_short_is_laid_out_on_one_line() {
    check(
        "{{ xs | pprint }} {{ obj | pprint }} {{ 'a' | pprint }} {{ 3 | pprint }}",
        "[3, 1, 2] {'a': 1, 'b': [True, None]} 'a' 3",
    );
    let [x, y, z] = ["x", "y", "z"].map(|letter| format!("'{}'", letter.repeat(30)));
    check(&format!("{{{{ [{x}, {y}, {z}] | pprint }}}}"), &format!("[{x},\n {y},\n {z}]"));
    let far = " ".repeat(9);
    check(
        &format!("{{{{ {{'key': [{x}, {y}, {z}], 'o': 2}} | pprint }}}}"),
        &format!("{{'key': [{x},\n{far}{y},\n{far}{z}],\n 'o': 2}}"),
    );
    // The bracket at the end counts.
    let fits = "x".repeat(76);
    check(&format!("{{{{ ['{fits}'] | pprint }}}}"), &format!("['{fits}']"));
}

#[test]
fn patterns_that_are_none_are_told_before_anything_is_rendered() {
    let wrong = |text: &str| Template::compile_in(Dialect::Steps, "", text).unwrap().wrong_patterns();
    assert_eq!(
        wrong("{{ who | regex_search('a(?=b)') }}"),
        ["`a(?=b)` is no pattern: patterns do not look ahead or behind"]
    );
    assert_eq!(wrong("{{ who | regex_replace(\"(a)\\\\1\", '') }}").len(), 1);
    assert_eq!(wrong("{{ who | regex_findall('(') | upper }}"), ["`(` is no pattern: unclosed group"]);
    assert_eq!(wrong("{{ who | regex_match('a') | regex_search(who) | replace('(', '') }}"), [""; 0]);
}

#[test]
fn methods_are_those_of_formulas() {
    check("{{ who.upper() }} {{ title.split(', ')[0] }} {{ 'x'.join(['a', 'b']) }}", "ME Hello axb");
    check("{% for k, v in obj.items() %}{{ k }}={{ v }};{% endfor %}", "a=1;b=[True, None];");
    check(
        "{{ obj.get('z', 5) }} {{ row.items }} {{ row['items'] }} {{ row.items() }}",
        "5 [1] [1] [['items', [1]], ['name', 'x']]",
    );
    check(
        "{{ '{}-{:>3}|{:05.1f}'.format(who, n, 2) }} {{ '{1}{0!r}{{}}'.format(who, 'x') }}",
        "me- 41|002.0 x'me'{}",
    );
    check("{{ '{!r} {!r} {!r}'.format([1], [[], 'a'], obj) }}", "[1] [[], 'a'] {'a': 1, 'b': [True, None]}");
    check("{{ '{a:,} {b:.1%} {c:x}'.format(a=1234567, b=0.5, c=255) }}", "1,234,567 50.0% ff");
    refused("{{ '{}'.format() }}", "there is no value 0 to put in");
    refused("{{ '{0.x}'.format(who) }}", "cannot be put in");
    refused("{{ '{:99999999}'.format(1) }}", "more than 10000 characters of one value");
    refused("{{ '{:d}'.format(who) }}", "`d` is not for a text");
    refused("{{ who.__class__ }}", "`who.__class__` is undefined");
    refused("{{ ''.__class__.__mro__ }}", "undefined");
    refused("{{ xs.append(1) }}", "no method `append`");
}

#[test]
fn blocks_take_their_line_and_the_last_newline_stays() {
    check("line {{ who }}\n", "line me\n");
    check("a\n  {% if true %}\nb\n  {% endif %}\nc\n\n", "a\nb\nc\n\n");
    check("{{ '{{' }} {{ '}}' }}{% raw %}{{ x }}{% endraw %}", "{{ }}{{ x }}");
    check("literal\n", "literal\n");
}

#[test]
fn what_is_undefined_is_an_error() {
    refused("x {{ nobody }} y", "`nobody` is undefined");
    refused("{{ obj.c }}", "`obj.c` is undefined");
    refused("{{ nobody.deep | default('d') }}", "`nobody` is undefined");
    refused("{{ nobody | upper }}", "undefined");
    refused("{{ nobody | slugify }}", "undefined");
    refused("{{ title | no_such_filter }}", "no_such_filter");
    refused("{% if nobody %}x{% endif %}", "undefined");
}

#[test]
fn what_filters_make_is_bounded() {
    let work = "more work than on 256 MiB of text";
    let check = |value: &str, length: usize| {
        let lines = format!("{{% set a = {value} %}}").repeat(50);
        refused(&format!("{{% set a = '{}' %}}{lines}{{{{ a }}}}", "x".repeat(length)), work);
    };
    check("[a, a] | join", 20_000);
    check("[a, a] | tojson", 20_000);
    check("a | regex_replace('x', a)", 300);
    check("a | regex_replace('.*', '\\\\0\\\\0')", 20_000);
    check("(a ~ ' ') | wordwrap(1, wrapstring=a)", 300);
    check("{'a': a, 'b': a} | xmlattr", 20_000);
    refused(&format!("{{{{ 'a' | regex_search('{}') }}}}", "a{999}{999}"), "no pattern");
    refused(&format!("{{{{ 'a' | regex_search('{}') }}}}", "a".repeat(2000)), "at most 1000 bytes");
    refused("{{ 'x' | center(100000000) }}", "a width is at most 10000");
    refused("{{ [range(99999) | list] | to_json(indent=9999) }}", work);
    refused("{{ '2024-01-02' | date('%9999d') }}", "no widths");
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(300))]
    #[test]
    fn no_text_panics(
        text in "(\\{\\{|\\}\\}|\\{%|%\\}| |\\||[a-z]{1,3}|'[^']{0,6}'|[0-9]{1,3}|\\(|\\)|\\[|\\]|\\.|,|~|\\+|xs|obj|title|split|join|round|date|truncate|regex_search|regex_replace|int|tojson|now\\(\\)|upper\\(\\)|for x in|endfor|if|endif|\n){0,24}",
        filter in "basename|slugify|center\\([0-9]{0,4}\\)|truncate\\([0-9]{0,3}\\)|round\\(-?[0-9]{1,3}\\)|split\\('[^']{0,2}'\\)|regex_search\\('[^']{0,8}'\\)|regex_replace\\('[^']{0,6}', '[^']{0,6}'\\)|date\\('[^']{0,6}'\\)|int|float|to_json|urlencode|truncate_words\\([0-9]{0,2}\\)",
        value in "xs|obj|title|who|n|f|quote|'[^'\\\\\\\\]{0,12}'|-?[0-9]{1,19}|none|true",
    ) {
        let _ = rendered(&text);
        let _ = rendered(&format!("{{{{ {value} | {filter} }}}}"));
    }
}
