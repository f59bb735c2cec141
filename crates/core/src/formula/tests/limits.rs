//! Every limit, from both sides.

use super::*;

/// Checks that a formula is stopped by a limit.
fn stopped(text: &str, words: &str) {
    let error = eval(text).expect_err(text);
    assert!(matches!(error.kind, FormulaErrorKind::Limit { .. }), "{text}: {error}");
    assert!(error.to_string().contains(words), "{text}: {error}");
}

#[test]
fn characters() {
    let filled = |n: usize| format!("1{}", " ".repeat(n - 1));
    gives(&filled(4_096), json!(1));
    stopped(&filled(4_097), "more than 4096 characters");
}

#[test]
fn parts() {
    let sum = |n: usize| format!("len([{}])", vec!["1"; n].join(","));
    gives(&sum(498), json!(498));
    stopped(&sum(499), "more than 500 parts");
}

#[test]
fn nesting() {
    let brackets = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
    gives(&brackets(39), json!(1));
    stopped(&brackets(40), "more than 40 levels");
    for (open, close) in
        [("[", "]"), ("-", ""), ("not ", ""), ("len([", "])"), ("2 ** ", ""), ("1 if 1 else ", "")]
    {
        let nested = |n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
        stopped(&nested(60), "more than 40 levels");
        assert!(Formula::parse(&nested(12)).is_ok(), "{open}");
    }
    // Long rows of operators are deep as well, and so are chains of keys.
    stopped(&vec!["1"; 50].join("+"), "more than 40 levels");
    stopped(&format!("a{}", ".b".repeat(50)), "more than 40 levels");
    gives(&vec!["0"; 200].join(" or "), json!(0));
}

#[test]
fn items() {
    gives("len([i for i in range(100000)])", json!(100_000));
    stopped("[i for i in range(50001)] and [i for i in range(50001)]", "more than 100000 items");
    stopped("[[i for i in range(1000)] for k in range(1000)]", "more than 100000 items");
    stopped("range(100001)", "more than 100000 numbers");
    stopped("range(0, -10 ** 30, -1)", "more than 100000 numbers");
}

#[test]
fn elements_and_characters() {
    gives("len('a' * 1000000)", json!(1_000_000));
    stopped("'a' * 1000001", "more than 1000000 elements");
    stopped("'ab' * 10 ** 300", "more than 1000000 elements");
    stopped("[0] * 10 ** 9", "more than 1000000 elements");
    stopped("[0] * 1000 * 1000 * 1000", "more than 1000000 elements");
    stopped("[['a' * 1000] * 1000 for i in range(1000)]", "more than 1000000 elements");
    stopped("'a' * 600000 + 'b' * 600000", "more than 1000000 elements");
    stopped("('a' * 900000).replace('a', 'bbbbbbbbbb')", "more than 1000000 elements");
    stopped("('a' * 999).join(['b'] * 2000)", "more than 1000000 elements");
    stopped("'1'.zfill(10 ** 12)", "more than 1000000 elements");
    stopped("str([['abcdefghij' * 100] * 300] * 300)", "more than 1000000 elements");
    stopped("[('a' * 300000).upper() for i in range(9)]", "more than 1000000 elements");
    stopped("[('a' * 300000)[::2] for i in range(9)]", "more than 1000000 elements");
    stopped("[('a ' * 100000).split() for i in range(9)]", "more than 1000000 elements");
    stopped("[list * 100 for list in [range(100000)]]", "more than 1000000 elements");
    stopped("[list(x) for x in [range(90000)] * 20]", "more than 1000000 elements");
    stopped("json.loads('[' + '0,' * 600000 + '0]')", "more than 1000000 elements");
    // Characters count, not bytes.
    gives("len('\u{e9}' * 1000000)", json!(1_000_000));
}

#[test]
fn numbers() {
    gives("2 ** 1024 > 0", json!(true));
    stopped("2 ** 1025", "more than 1024 as an exponent");
    stopped("1 ** (10 ** 100)", "more than 1024 as an exponent");
    stopped("2.0 ** 1025", "more than 1024 as an exponent");
    gives("15 ** 1024 > 0", json!(true));
    stopped("17 ** 1024", "more than 4096 bits");
    stopped("(2 ** 1000) ** 5", "more than 4096 bits");
    stopped("2 ** 1024 * 2 ** 1024 * 2 ** 1024 * 2 ** 1024", "more than 4096 bits");
    stopped("9 ** 9 ** 9", "as an exponent");
    stopped("int('9' * 2000)", "more than 4096 bits");
    fails("2 ** 1024 / 3", 10, "too large");
}

#[test]
fn steps() {
    let mut names = Map::new();
    names.insert("doc".to_owned(), json!("ab".repeat(2_000_000)));
    let eval = |text: &str| Formula::parse(text).unwrap().eval(&names);
    // A large document can be read as it is, but not for ever.
    assert_eq!(eval("len(doc)"), Ok(json!(4_000_000)));
    assert_eq!(eval("'x' in doc or doc.startswith('ab')"), Ok(json!(true)));
    for text in ["[1 for i in range(1000) if 'x' in doc]", "[1 for i in range(1000) if doc == doc[:1] + doc]"]
    {
        assert!(matches!(eval(text).unwrap_err().kind, FormulaErrorKind::Limit { .. }), "{text}");
    }
    let error = eval("[len(doc) for i in range(100)]").unwrap_err();
    assert!(error.to_string().contains("steps"), "{error}");
}

#[test]
fn results() {
    let mut names = Map::new();
    names.insert("doc".to_owned(), json!("ab".repeat(2_000_000)));
    let eval = |text: &str| Formula::parse(text).unwrap().eval(&names);
    assert_eq!(eval("doc").map(|doc| doc.to_string().len()), Ok(4_000_002));
    // What is shared while it is made would not be shared in the result.
    let error = eval("[doc for i in range(100)]").unwrap_err();
    assert!(error.to_string().contains("bytes in the result"), "{error}");
}

#[test]
fn nested_values() {
    let mut deep = json!(1);
    for _ in 0..300 {
        deep = json!([deep]);
    }
    let mut names = Map::new();
    names.insert("deep".to_owned(), deep);
    for text in ["deep == [deep][0]", "deep < deep", "str(deep)", "deep"] {
        let error = Formula::parse(text).unwrap().eval(&names).expect_err(text);
        assert!(error.to_string().contains("levels of nested values"), "{text}: {error}");
    }
    assert!(eval("json.loads('[' * 5000)").is_err());
}
