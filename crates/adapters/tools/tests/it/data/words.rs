//! Every word that the table tools know does what it says.

use serde_json::{Value, json};

use super::{failed, made};

/// Returns how many of three rows a criterion keeps; the numbers are those of CSV, which are texts until they are cast.
fn kept(criteria: &Value) -> usize {
    let data = "n,name\n5,five\n10,ten\n-1,none\n";
    let input = json!({"data": data, "format": "csv", "output_format": "json", "criteria": criteria});
    made("filter", input).as_array().unwrap().len()
}

#[test]
fn comparisons_are_of_numbers_where_both_are_and_of_texts_else() {
    for (words, five, six) in [
        (&["==", "eq"][..], 1, 0),
        (&["!=", "ne"], 2, 3),
        (&[">", "gt"], 1, 1),
        (&[">=", "gte", "ge"], 2, 1),
        (&["<", "lt"], 1, 2),
        (&["<=", "lte", "le"], 2, 2),
    ] {
        for word in words {
            assert_eq!(
                (kept(&json!({"n": {*word: 5}})), kept(&json!({"n": {*word: 6}}))),
                (five, six),
                "{word}"
            );
        }
    }
    for (criteria, n) in [
        (json!({"name": {">": "none"}}), 1),
        (json!({"name": {">": 1}}), 0),
        (json!({"name": {"startswith": "n"}}), 1),
        (json!({"name": {"endswith": "e"}}), 2),
        (json!({"name": {"contains": "e"}}), 3),
        (json!({"n": {"in": [5, 10]}}), 2),
        (json!({"n": {"not_in": [5, 10]}}), 1),
        (json!({"n": {"in": 5}}), 0),
        (json!({"n": {"not_in": 5}}), 0),
        (json!({"n": {">": 0}, "name": "ten"}), 1),
        (json!("n == '5' or name == 'ten'"), 2),
    ] {
        assert_eq!(kept(&criteria), n, "{criteria}");
    }
    let listed = json!({"data": [{"a": [1, 2]}, {"a": [3]}], "criteria": {"a": {"contains": 3}}});
    assert_eq!(made("filter", listed), json!([{"a": [3]}]));
}

#[test]
fn many_rows_are_made_one_by_each_function() {
    let rows = json!([{"n": 4, "w": "b"}, {"n": 1, "w": "a"}, {"n": null, "w": "b"}, {"n": "10", "w": "c"}]);
    let one = |column: &str, function: &str| {
        let wanted = json!({"x": {"column": column, "function": function}});
        made("aggregate", json!({"data": rows, "aggregations": wanted}))[0]["x"].clone()
    };
    for (function, expect) in [
        ("sum", json!(15)),
        ("avg", json!(5)),
        ("mean", json!(5)),
        ("count", json!(3)),
        ("count_distinct", json!(3)),
        ("min", json!(1)),
        ("max", json!(10)),
        ("median", json!(4)),
        ("first", json!(4)),
    ] {
        assert_eq!(one("n", function), expect, "{function}");
    }
    assert_eq!(
        (one("w", "count_distinct"), one("w", "min"), one("w", "max")),
        (json!(3), json!("a"), json!("c"))
    );
    let shortly = json!({"data": rows, "aggregations": {"n": "max", "rows": {"function": "count"}}});
    assert_eq!(made("aggregate", shortly), json!([{"n": 10, "rows": 4}]));
    let none = json!({"data": [], "aggregations": {"rows": "count"}});
    assert_eq!(made("aggregate", none), json!([{"rows": 0}]));
    failed("aggregate", json!({"data": rows, "aggregations": {}}), "what is to be made");
    failed(
        "aggregate",
        json!({"data": rows, "group_by": ["z"], "aggregations": {"n": "sum"}}),
        "no column `z`",
    );
}

#[test]
fn empty_cells_are_treated_as_it_is_said() {
    let gaps = json!([{"a": 1, "b": "x"}, {"a": null, "b": ""}, {"a": 9, "b": "y"}, {"a": 2, "b": "z"}]);
    let second = |how: Value| {
        let mut input = json!({"data": gaps});
        input.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
        made("clean", input)[1].clone()
    };
    let unchanged = json!({"a": null, "b": ""});
    assert_eq!(
        (second(json!({})), second(json!({"handle_missing": "keep"}))),
        (unchanged.clone(), unchanged)
    );
    assert_eq!(second(json!({"handle_missing": "fill", "fill_value": 0})), json!({"a": 0, "b": 0}));
    assert_eq!(second(json!({"handle_missing": "median"})), json!({"a": 2, "b": ""}));
    assert_eq!(second(json!({"handle_missing": "mean"})), json!({"a": 4, "b": ""}));
    assert_eq!(second(json!({"handle_missing": "drop"})), json!({"a": 9, "b": "y"}));
    failed("clean", json!({"data": gaps, "handle_missing": "fill"}), "`fill_value`");
    let turned = |more: Value| {
        let mut input = json!({"data": [{"k": "x", "c": "p", "v": 1}, {"k": "y", "c": "q", "v": 2}],
            "index": ["k"], "columns": ["c"], "values": ["v"]});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        made("pivot", input)
    };
    assert_eq!(turned(json!({})), json!([{"k": "x", "p": 1, "q": null}, {"k": "y", "p": null, "q": 2}]));
    assert_eq!(
        turned(json!({"fill_value": 0})),
        json!([{"k": "x", "p": 1, "q": 0}, {"k": "y", "p": 0, "q": 2}])
    );
}

#[test]
fn tables_are_joined_each_way() {
    let both = json!([[{"k": 1, "a": 2}, {"k": 2, "a": 9}], [{"k": 1, "a": 3}, {"k": 5, "a": 4}]]);
    let join = |how: Value| {
        let mut input = json!({"datasets": both, "join_on": ["k"]});
        input.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
        made("merge", input)
    };
    let met = json!({"k": 1, "a": 2, "a_right": 3});
    assert_eq!(join(json!({})), json!([met]));
    assert_eq!(join(json!({"join_type": "right"})), json!([met, {"k": 5, "a": null, "a_right": 4}]));
    assert_eq!(
        join(json!({"join_type": "outer"})),
        json!([met, {"k": 2, "a": 9, "a_right": null}, {"k": 5, "a": null, "a_right": 4}])
    );
    let twice = json!({"datasets": ["a\n1\n2\n", "[{\"a\": \"2\"}]"], "merge_strategy": "union"});
    failed("merge", twice, "neither JSON nor CSV");
    let twice = json!({"datasets": ["a,b\n1,x\n2,y\n", [{"a": "2", "b": "y"}]], "merge_strategy": "union"});
    assert_eq!(made("merge", twice), json!([{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]));
    failed("merge", json!({"datasets": []}), "no datasets");
}

#[test]
fn a_profile_tells_what_is_asked_for() {
    let rows = json!([{"n": 1, "w": "a"}, {"n": 2, "w": "a"}, {"n": 3, "w": null}, {"n": 2, "w": "b"},
        {"n": 500, "w": "b"}, {"n": 1, "w": "a"}]);
    let of = |option: &str| made("profile", json!({"data": rows, "profiling_options": [option]}));
    let about = |option: &str, column: &str| of(option)["columns"][column].clone();
    assert_eq!(about("missing_values", "w"), json!({"count": 5, "missing": 1}));
    assert_eq!(
        (about("data_types", "n"), about("data_types", "w")),
        (json!({"type": "integer"}), json!({"type": "string"}))
    );
    assert_eq!(
        (about("outlier_detection", "n"), about("outlier_detection", "w")),
        (json!({"outliers": 1}), json!({}))
    );
    let statistics = about("statistical_summary", "n");
    assert_eq!(
        (&statistics["median"], &statistics["max"], &statistics["unique"]),
        (&json!(2), &json!(500), &json!(4))
    );
    assert_eq!(statistics.get("outliers").or(statistics.get("type")), None);
    assert_eq!(
        about("statistical_summary", "w")["top"],
        json!([{"value": "a", "count": 3}, {"value": "b", "count": 2}])
    );
    assert_eq!(
        (&of("duplicate_detection")["duplicate_rows"], of("data_types").get("duplicate_rows")),
        (&json!(1), None)
    );
    let kinds = |cells: Value| {
        let rows: Vec<Value> = cells.as_array().unwrap().iter().map(|cell| json!({"c": cell})).collect();
        made("profile", json!({"data": rows}))["columns"]["c"]["type"].clone()
    };
    assert_eq!(kinds(json!([true, false])), "boolean");
    assert_eq!(kinds(json!([1, 2.5])), "number");
    assert_eq!(kinds(json!([1, "x"])), "mixed");
    assert_eq!(kinds(json!([null, ""])), "empty");
}

#[test]
fn data_is_what_it_is_said_to_be() {
    let csv = "a,b\n1,2\n";
    assert_eq!(
        made("convert", json!({"input_data": csv, "output_format": "json"})),
        json!([{"a": "1", "b": "2"}])
    );
    assert_eq!(
        made("convert", json!({"data": "a\n1\n", "input_format": "csv", "output_format": "json"})),
        json!([{"a": "1"}])
    );
    failed(
        "convert",
        json!({"data": csv, "input_format": "json", "output_format": "json"}),
        "neither JSON nor CSV",
    );
}

#[test]
fn rows_are_put_in_order_and_columns_picked() {
    let rows = json!([{"n": 2, "w": "b"}, {"n": 10, "w": "a"}, {"n": 2, "w": "a"}]);
    let after = |operation: Value| made("transform", json!({"data": rows, "operations": [operation]}));
    let (low, high, middle) =
        (json!({"n": 2, "w": "a"}), json!({"n": 10, "w": "a"}), json!({"n": 2, "w": "b"}));
    assert_eq!(after(json!({"type": "sort", "by": ["n", "w"]})), json!([low, middle, high]));
    assert_eq!(
        after(json!({"type": "sort", "by": "w"})),
        json!([high, low, middle]),
        "what is equal stays in its order"
    );
    assert_eq!(
        after(json!({"type": "sort", "columns": ["n", "w"], "descending": true})),
        json!([high, middle, low])
    );
    assert_eq!(after(json!({"type": "sort", "field": "n", "reverse": true}))[0], high);
    assert_eq!(
        after(json!({"type": "select", "columns": ["w"]})),
        json!([{"w": "b"}, {"w": "a"}, {"w": "a"}])
    );
    assert_eq!(after(json!({"type": "aggregate", "field": "n", "operation": "sum"})), json!([{"n_sum": 14}]));
    let grouped = json!({"type": "aggregate", "group_by": ["w"], "aggregations": {"n": "max"}});
    assert_eq!(after(grouped), json!([{"w": "b", "n": 2}, {"w": "a", "n": 10}]));
    for (operation, part) in [
        (json!({"type": "sort"}), "sort: `by` is missing"),
        (json!({"type": "sort", "by": "z"}), "no column `z`"),
        (json!({"type": "select"}), "select: `columns` is missing"),
        (json!({"type": "select", "columns": ["z"]}), "no column `z`"),
        (json!({"type": "deduplicate", "columns": ["z"]}), "no column `z`"),
        (json!({"type": "rename_fields", "mapping": {"n": "w"}}), "two columns would have one name"),
        (json!({"type": "rename_fields", "mapping": {"n": 1}}), "do not fit"),
        (json!({"type": "cast", "columns": {"w": "integer"}}), "row 1: \"b\" is no integer"),
        (json!({"type": "cast", "columns": {"n": "colour"}}), "cannot be `colour`"),
        (json!({"type": "filter"}), "says which rows stay"),
    ] {
        failed("transform", json!({"data": rows, "operations": [operation]}), part);
    }
}

#[test]
fn cells_take_the_type_that_they_are_cast_to() {
    let cast = |cell: Value, kind: &str| {
        let operation = json!({"type": "cast", "columns": {"c": kind}});
        made("transform", json!({"data": [{"c": cell}], "operations": [operation]}))[0]["c"].clone()
    };
    for (cell, kind, expect) in [
        (json!("5"), "integer", json!(5)),
        (json!(" 2.5 "), "float", json!(2.5)),
        (json!(5), "string", json!("5")),
        (json!("Yes"), "boolean", json!(true)),
        (json!("0"), "boolean", json!(false)),
        (json!(""), "integer", json!("")),
        (json!(null), "string", json!(null)),
    ] {
        assert_eq!(cast(cell.clone(), kind), expect, "{cell} as {kind}");
    }
    for (cell, kind) in [("maybe", "boolean"), ("2.5", "integer"), ("inf", "float")] {
        let operation = json!({"type": "cast", "columns": {"c": kind}});
        failed(
            "transform",
            json!({"data": [{"c": cell}], "operations": [operation]}),
            &format!("is no {kind}"),
        );
    }
}

/// What has no value, or one alone, is told as that.
#[test]
fn little_is_made_of_little() {
    let of = |function: &str| {
        let wanted = json!({"x": {"column": "n", "function": function}});
        made("aggregate", json!({"data": [{"n": null}], "aggregations": wanted}))[0]["x"].clone()
    };
    for function in ["avg", "min", "max", "median", "first"] {
        assert_eq!(of(function), Value::Null, "{function}");
    }
    assert_eq!((of("sum"), of("count")), (json!(0), json!(0)));
    let one = made("profile", json!({"data": [{"n": 5}]}))["columns"]["n"].clone();
    assert_eq!((&one["std"], &one["median"]), (&json!(0), &json!(5)));
    let turned = |index: Value, data: Value| json!({"data": data, "index": index, "columns": ["c"], "values": ["a", "b"]});
    let data = json!([{"k": 1, "c": "x", "a": 2, "b": ""}, {"k": 1, "c": "x", "a": 3, "b": null}]);
    assert_eq!(made("pivot", turned(json!(["k"]), data.clone())), json!([{"k": 1, "a_x": 5, "b_x": null}]));
    failed("pivot", turned(json!([]), data), "`index` is missing");
    assert_eq!(
        made("filter", json!({"data": [], "criteria": {"z": 1}})),
        json!([]),
        "there is no column to miss"
    );
}
