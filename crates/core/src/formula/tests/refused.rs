//! What is refused when it is parsed, with its place.

use super::*;

/// Checks that a text is refused before anything is evaluated.
fn refused(text: &str, at: usize, words: &str) {
    let error = Formula::parse(text).expect_err(text);
    assert!(error.to_string().contains(words), "{text}: {error}");
    assert_eq!(error.at, at, "{text}: {error}");
}

#[test]
fn private_names_and_attributes() {
    let private = "names that begin with `_`";
    refused("__import__('os').system('touch pwned')", 0, private);
    refused("json.loads.__globals__", 11, private);
    refused("''.__class__.__mro__[1].__subclasses__()", 3, private);
    refused("name.__class__", 5, private);
    refused("list.__len__()", 5, private);
    refused("_x + 1", 0, private);
    refused("$_x", 0, private);
    refused("[_ for _ in list]", 1, private);
    refused("[1 for _ in list]", 7, private);
    // A bare `json.loads` is a name like others, and not there.
    fails("json.loads", 0, "`json` is undefined");
}

#[test]
fn calls() {
    refused("eval('1')", 0, "no function `eval`");
    refused("open('/etc/passwd').read()", 0, "no function `open`");
    refused("getattr(n, 'x')", 0, "no function `getattr`");
    refused("'a'.encode()", 4, "no method `encode`");
    refused("state.pop('n')", 6, "no method `pop`");
    refused("json.dumps(n)", 5, "no method `dumps`");
    refused("(len)(name)", 5, "only functions and methods can be called");
    refused("state['f']()", 10, "only functions and methods can be called");
    refused("'a'()", 3, "only functions and methods can be called");
    refused("len()", 0, "`len` takes 1 arguments, not 0");
    refused("'a'.upper(1)", 4, "`upper` takes 0 arguments, not 1");
    refused("range(1, 2, 3, 4)", 0, "`range` takes 1 to 3");
}

#[test]
fn the_larger_language() {
    refused("lambda: 1", 0, "`lambda`");
    refused("[lambda x: x][0]", 1, "`lambda`");
    refused("(a := 1)", 3, "`:=`");
    refused("sorted(list, reverse=True)", 20, "arguments have no names");
    refused("max(*list)", 4, "stars");
    refused("dict(**state)", 5, "stars");
    refused("[*list]", 1, "stars");
    refused("f'{n}'", 0, "texts with a prefix");
    refused("b'a'", 0, "texts with a prefix");
    refused("[a for a in b for c in d]", 14, "one `for`");
    refused("a = 1", 2, "`==` compares");
    refused("a; b", 1, "`;`");
    refused("a & b", 2, "write `and`");
    refused("name | length", 5, "filters stand inside of");
    refused("!a", 0, "write `not`");
    refused("~n", 0, "`~`");
    refused("a @ b", 2, "`@`");
    refused("n is 5", 5, "write `==`");
    refused("n is defined", 5, "`is defined`");
    refused("import os", 7, "expected the end");
}

#[test]
fn what_is_no_formula() {
    refused("", 0, "expected a value, found the end");
    refused("1 +", 3, "expected a value, found the end");
    refused("(1", 2, "expected");
    refused("[1 2]", 3, "expected `,`, found a number");
    refused("'a' 'b'", 4, "expected the end, found a text");
    refused("1 if 2", 6, "expected `else`");
    refused("a not b", 6, "expected `in`");
    refused("x[]", 2, "expected a value");
    refused("a.", 2, "expected a name");
    refused("a.$b", 2, "without `$`");
    refused("'abc", 0, "never ends");
    refused("'abc\\", 4, "a backslash before nothing");
    refused("'\\xg1'", 1, "2 digits");
    refused("'\\ud800'", 1, "4 digits");
    refused("1a", 0, "ends in a letter");
    refused("007", 0, "begins with 0");
    refused("1e999", 0, "too large");
    refused("$ + 1", 0, "a name after `$`");
    refused("and", 0, "expected a value, found `and`");
    refused("[x for 5 in y]", 7, "expected a name");
    refused("[x for None in y]", 7, "expected a name");
}
