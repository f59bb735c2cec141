//! Precedence, and the rules of Python.

use super::*;

#[test]
fn precedence() {
    gives("1 + 2 * 3", json!(7));
    gives("(1 + 2) * 3", json!(9));
    gives("-2 ** 2", json!(-4));
    gives("2 ** -1", json!(0.5));
    gives("2 ** 3 ** 2", json!(512));
    gives("10 - 3 - 2", json!(5));
    gives("2 * 3 % 4", json!(2));
    gives("not 1 == 2", json!(true));
    gives("1 or 0 and 0", json!(1));
    gives("1 if 0 else 2 if 0 else 3", json!(3));
    gives("1 + 1 if yes else 0", json!(2));
    gives("not yes or yes", json!(true));
}

#[test]
fn numbers() {
    gives("7 / 2", json!(3.5));
    gives("4 / 2", json!(2.0));
    gives("-7 // 2", json!(-4));
    gives("7 // -2", json!(-4));
    gives("-7 % 3", json!(2));
    gives("7 % -3", json!(-2));
    gives("-7.5 // 2", json!(-4.0));
    gives("-7.5 % 2", json!(0.5));
    gives("7.5 % -2", json!(-0.5));
    gives("True + True", json!(2));
    gives("1e3 + .5 + 1.", json!(1001.5));
    gives("2 ** 0.5 * 2 ** 0.5 > 2", json!(true));
    gives("2 ** 200 % 1000", json!(376));
    gives("(2 ** 200 + 1) // 2 ** 190", json!(1024));
    gives("-(2 ** 130) // 2 ** 128", json!(-4));
    all_true(&["2 ** 1024 > 2 ** 1023", "2 ** 64 == 18446744073709551616", "2 ** 53 + 1 > large + 0.0"]);
}

#[test]
fn comparisons() {
    all_true(&[
        "1 == 1.0",
        "True == 1",
        "False == 0.0",
        "1 != '1'",
        "None == none",
        "[1, 2.0] == [1.0, 2]",
        "{'a': 1} == {'a': True}",
        "{1, 2} == {2, 1.0}",
        "1 < 2 < 3",
        "not 1 < 3 < 2",
        "1 < 2 == 2 != 3",
        "'a' < 'b' <= 'b'",
        "[1, 2] < [1, 3]",
        "[1] < [1, 0]",
        "2 in list and 9 not in list",
        "'Lee' in name",
        "'n' in state and 7 not in state",
        "1.0 in {1}",
        "none is None and yes is True and yes is not None",
        "not (1 is True)",
        "9007199254740993 > 9007199254740992.0",
    ]);
    // What stands behind a comparison that fails is never looked at.
    gives("1 > 2 > nosuch", json!(false));
    fails("'a' < 1", 6, "a text and a number have no order");
    fails("none < 1", 7, "None and a number have no order");
    fails("'1' in 5", 7, "a text is not in a number");
}

#[test]
fn operands_of_and_and_or() {
    gives("0 or ''", json!(""));
    gives("'a' and [1]", json!([1]));
    gives("empty or 'none'", json!("none"));
    gives("[] and nosuch", json!([]));
    gives("not [] and not {} and not None and not 0.0 and not ''", json!(true));
}

#[test]
fn indexes_and_slices() {
    gives("list[0] + list[-1]", json!(5));
    gives("name[-3:]", json!("Lee"));
    gives("name[:3]", json!("Ann"));
    gives("name[::-1]", json!("eeL nnA"));
    gives("'abcdef'[1:5:2]", json!("bd"));
    gives("'abcdef'[5:1:-2]", json!("fd"));
    gives("'abcdef'[None:None:None]", json!("abcdef"));
    gives("'abcdef'[-100:2]", json!("ab"));
    gives("[1, 2, 3][10:]", json!([]));
    gives("[1, 2, 3][-2:]", json!([2, 3]));
    gives("[1, 2, 3][::-1]", json!([3, 2, 1]));
    gives("'\u{e4}\u{f6}\u{fc}'[1]", json!("\u{f6}"));
    gives("state['_secret'] + rows[True].price", json!(4));
    fails("list[3]", 4, "outside of a list");
    fails("'a'[-2]", 3, "outside of a text");
    fails("list['a']", 4, "a text is no index of a list");
    fails("'abc'[::0]", 5, "step of a slice is 0");
    fails("state['m']", 5, "`state.m` is undefined");
    fails("state.m", 5, "`state.m` is undefined");
    fails("nosuch.thing", 0, "`nosuch` is undefined");
    fails("n.m", 1, "a number has no `m`");
}

#[test]
fn methods_of_texts() {
    gives("' a b  c '.split()", json!(["a", "b", "c"]));
    gives("' a b  c '.split(None, 1)", json!(["a", "b  c "]));
    gives("' a b  c '.rsplit(None, 1)", json!([" a b", "c"]));
    gives("'a,b,,c'.split(',')", json!(["a", "b", "", "c"]));
    gives("'a,b,c'.split(',', 1)", json!(["a", "b,c"]));
    gives("'a,b,c'.rsplit(',', 1)", json!(["a,b", "c"]));
    gives("'a\\nb\\r\\nc\\n'.splitlines()", json!(["a", "b", "c"]));
    gives("', '.join(['a', 'b'])", json!("a, b"));
    gives("'-'.join('abc')", json!("a-b-c"));
    gives("'aXbXc'.replace('X', '--', 1)", json!("a--bXc"));
    gives("'abc'.replace('', '-')", json!("-a-b-c-"));
    gives("\"they're HERE\".title()", json!("They'Re Here"));
    gives("'hELLO wORLD'.capitalize()", json!("Hello world"));
    gives("'xxaxx'.strip('x') + '  b '.lstrip() + ' c '.rstrip()", json!("ab  c"));
    gives("'-42'.zfill(5)", json!("-0042"));
    gives("'banana'.count('an') + 'banana'.find('n') + 'a'.find('b')", json!(3));
    gives("'banana'.index('nan')", json!(2));
    all_true(&[
        "name.upper() == 'ANN LEE' and name.lower() == 'ann lee'",
        "name.startswith('Ann') and name.endswith(('x', 'Lee'))",
        "'12'.isdigit() and not '1.2'.isdigit() and not ''.isdigit()",
        "'ab'.isalpha() and 'a1'.isalnum() and not 'a 1'.isalnum()",
    ]);
    fails("'a'.split('')", 3, "the separator is empty");
    fails("','.join([1])", 3, "expected a text, found a number");
    fails("n.upper()", 1, "a number has no method `upper`");
    fails("'a'.index('b')", 3, "not in the other");
}

#[test]
fn methods_of_lists_dicts_and_sets() {
    gives("list.index(2) + list.count(1)", json!(3));
    gives("state.get('n', 0) >= 5", json!(true));
    gives("state.get('m') is None and state.get('m', 3) == 3", json!(true));
    gives("{'b': 1, 'a': [2]}.items()", json!([["b", 1], ["a", [2]]]));
    gives("{'b': 1, 'a': 2}.keys() + {'c': 3}.values()", json!(["b", "a", 3]));
    // A key does not hide a method, nor a method a key.
    gives("len(state.items()) + len(state.items)", json!(4));
    gives("{3, 1}.union([2, 1]).difference({3})", json!([1, 2]));
    gives("{1, 2}.intersection({2, 3})", json!([2]));
    fails("list.index(9)", 4, "not in the list");
    fails("list.upper()", 4, "a list has no method `upper`");
}

#[test]
fn functions() {
    gives("[len(name), len(list), len(state), len({1, 1})]", json!([7, 3, 3, 1]));
    gives("str(1.0) + str(None) + str([1, 'a']) + str()", json!("1.0None[1, 'a']"));
    gives("[int('-12'), int(2.9), int(-2.9), int(True)]", json!([-12, 2, -2, 1]));
    gives("[float('1.5'), float(2), bool([]), bool('a')]", json!([1.5, 2.0, false, true]));
    gives("[abs(-3), abs(-2.5), min(3, 1, 2), max(list), min(['b', 'a'])]", json!([3, 2.5, 1, 3, "a"]));
    gives(
        "[round(2.5), round(3.5), round(2.675, 2), round(-0.5), round(25, -1), round(1250.0, -2)]",
        json!([2, 4, 2.67, 0, 20, 1200.0]),
    );
    gives("sorted(list) + sorted({'b', 'a'}) + sorted('ba')", json!([1, 2, 3, "a", "b", "a", "b"]));
    gives("sorted([[2, 'b'], [1, 'z'], [2, 'a']])", json!([[1, "z"], [2, "a"], [2, "b"]]));
    gives("sum(list) + sum([0.5], 1)", json!(7.5));
    gives("[any([0, 1]), all([1, 0]), any([]), all([])]", json!([true, false, false, true]));
    gives("list(range(5)) + range(5, 0, -2) + list('ab')", json!([0, 1, 2, 3, 4, 5, 3, 1, "a", "b"]));
    gives("dict([['a', 1], ('b', 2)])", json!({"a": 1, "b": 2}));
    gives("set([2, 1, 2.0])", json!([1, 2]));
    gives("sum(item['price'] for item in json.loads(data)['items'])", json!(5));
    fails("max([])", 0, "`max` of nothing");
    fails("sum(['a'])", 0, "`sum` is of numbers");
    fails("sorted([1, 'a'])", 0, "have no order");
    fails("int('1.5')", 0, "no whole number");
    fails("float('nan')", 0, "no number");
    fails("len(5)", 0, "a number has no length");
    fails("json.loads('[')", 0, "the text is no JSON");
}

#[test]
fn comprehensions() {
    gives("[r.price for r in rows]", json!([2, 3]));
    gives("[i for i in range(20) if i % 2 == 0 if i > 10]", json!([12, 14, 16, 18]));
    gives("{r.tag: r.price * n for r in rows}", json!({"a": 10, "b": 15}));
    gives("{i % 3 for i in range(10)}", json!([0, 1, 2]));
    gives("[k + '=' + str(v) for k, v in {'a': 1, 'b': 2}.items()]", json!(["a=1", "b=2"]));
    gives("[[a * b for a in [1, 2]] for b in [3, 4]]", json!([[3, 6], [4, 8]]));
    gives("[n for n in [1]] + [n]", json!([1, 5]));
    gives("any(r.price > 2 for r in rows) and (x for x in [1]) == [1]", json!(true));
    gives("[c for c in 'ab'] + [k for k in {'z': 1}]", json!(["a", "b", "z"]));
    fails("[a for a, b in [[1]]]", 15, "1 parts for 2 names");
    fails("[i for i in 5]", 12, "a number has no items");
}

#[test]
fn texts_and_constants() {
    gives(r#"'a\n\t\\\'\x41\u00e9\q' + "it's""#, json!("a\n\t\\'A\u{e9}\\qit's"));
    gives("[true, True, false, None, null]", json!([true, true, false, null, null]));
    gives("()", json!([]));
    gives("(1, 2,)", json!([1, 2]));
    gives("{'a': 1, 'a': 2,}", json!({"a": 2}));
    gives("{}", json!({}));
    gives("$item + '!'", json!("it!"));
    gives("'a' * 3 + 2 * 'b' + 'c' * -1", json!("aaabb"));
    gives("[0] * 2 + [1]", json!([0, 0, 1]));
    gives("1 +\n 2", json!(3));
}

#[test]
fn failures_have_a_place() {
    fails("1 / 0", 2, "division by zero");
    fails("1 + 5 % 0", 6, "division by zero");
    fails("0 ** -1", 2, "division by zero");
    fails("(-8) ** 0.5", 5, "root of a negative number");
    fails("'a' + 1", 4, "`+` is not for a text and a number");
    fails("'%s' % 1", 5, "`%` is not for");
    fails("1e308 * 10", 6, "too large");
    fails("-'a'", 0, "a text has no sign");
    fails("{1: 2}", 0, "a key of a dict is a text");
    fails("{[1]}", 0, "cannot be an element of a set");
    fails("2 ** 60", 2, "beyond 2 ** 53");
    gives("-(2 ** 53)", json!(-9_007_199_254_740_992_i64));
}
