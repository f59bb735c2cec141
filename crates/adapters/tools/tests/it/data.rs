//! Tables.

mod words;

use serde_json::{Value, json};

use crate::world::{ROWS, World};

#[track_caller]
fn made(action: &str, input: Value) -> Value {
    let result = World::new().made("data-processing", action, input);
    assert_eq!(result["data"], result["processed_data"]);
    result["data"].clone()
}

#[track_caller]
fn failed(action: &str, input: Value, part: &str) {
    World::new().failed("data-processing", action, input, part);
}

#[test]
fn rows_are_filtered() {
    let csv = "name,dept,pay\r\nbob,dev,20\r\ncy,dev,30\r\n";
    assert_eq!(
        made(
            "filter",
            json!({"data": "in/t.csv", "format": "csv", "operation": {"criteria": {"dept": "dev"}}})
        ),
        json!(csv)
    );
    assert_eq!(
        made("filter", json!({"data": ROWS, "format": "csv", "criteria": {"pay": {">=": 20}}})),
        json!(csv)
    );
    assert_eq!(
        made("filter", json!({"data": ROWS, "format": "csv", "criteria": "dept == 'dev'"})),
        json!(csv)
    );
    let rows = json!([{"k": "x", "v": 1}, {"k": "y", "v": 2}]);
    let result = World::new().made(
        "data-processing",
        "filter",
        json!({"data": rows, "operation": {"criteria": {"v": 2}}}),
    );
    assert_eq!(result["data"], json!([{"k": "y", "v": 2}]));
    assert_eq!(
        (&result["original_count"], &result["filtered_count"], &result["row_count"]),
        (&json!(2), &json!(1), &json!(1))
    );
    for (criteria, n) in [
        (json!({"k": {"in": ["x", "z"]}}), 1),
        (json!({"k": {"not_in": ["x"]}}), 1),
        (json!({"k": {"contains": "x"}}), 1),
        (json!({"v": {"gt": 0, "lt": 2}}), 1),
        (json!({"v": {"ne": 1}}), 1),
        (json!({"field": "v", "operator": "gt", "value": 1}), 1),
        (json!({}), 2),
    ] {
        let data = made("filter", json!({"data": rows, "criteria": criteria}));
        assert_eq!(data.as_array().unwrap().len(), n, "{criteria}");
    }
    let nothing = json!({"data": rows, "criteria": {"field": "v", "operator": "gt"}});
    failed("filter", nothing, "`v gt` says no value to compare with");
}

#[test]
fn data_is_converted() {
    assert_eq!(
        made("convert", json!({"data": "in/t.csv", "format": "json"}))[1],
        json!({"name": "bob", "dept": "dev", "pay": "20"})
    );
    assert_eq!(
        made("convert", json!({"data": [{"a": 1, "b": 2}], "output_format": "csv"})),
        json!("a,b\r\n1,2\r\n")
    );
    assert_eq!(made("convert", json!({"data": "d.json", "output_format": "json"})), json!({"x": [1]}));
    assert_eq!(made("convert", json!({"data": "[1]", "output_format": "json"})), json!([1]));
}

#[test]
fn tables_are_turned_cleaned_merged_and_described() {
    let turned = json!({"data": "in/t.csv", "format": "csv", "output_format": "json", "index": ["name"], "columns": ["dept"], "values": ["pay"], "aggfunc": "sum"});
    assert_eq!(
        made("pivot", turned),
        json!([{"name": "ann", "dev": null, "ops": 20}, {"name": "bob", "dev": 20, "ops": null}, {"name": "cy", "dev": 30, "ops": null}])
    );
    let clean = made("clean", json!({"data": "in/t.csv", "format": "csv", "remove_duplicates": true}));
    assert_eq!(clean, json!("name,dept,pay\r\nann,ops,10\r\nbob,dev,20\r\ncy,dev,30\r\n"));
    let gaps = json!([{"a": 1}, {"a": null}, {"a": 3}]);
    assert_eq!(made("clean", json!({"data": gaps, "handle_missing": "mean"}))[1], json!({"a": 2}));
    assert_eq!(made("clean", json!({"data": gaps, "handle_missing": "drop"})), json!([{"a": 1}, {"a": 3}]));
    let far = json!([{"a": 1}, {"a": 2}, {"a": 3}, {"a": 2}, {"a": 1000}]);
    assert_eq!(made("clean", json!({"data": far, "remove_outliers": true})).as_array().unwrap().len(), 4);
    let both = json!([[{"k": 1, "a": 2}, {"k": 2, "a": 9}], [{"k": 1, "b": 3}, {"k": 5, "b": 4}]]);
    let join = |kind: &str| {
        made("merge", json!({"datasets": both, "merge_strategy": "join", "join_on": "k", "join_type": kind}))
    };
    assert_eq!(join("inner"), json!([{"k": 1, "a": 2, "b": 3}]));
    assert_eq!(join("left"), json!([{"k": 1, "a": 2, "b": 3}, {"k": 2, "a": 9, "b": null}]));
    assert_eq!(join("outer").as_array().unwrap().len(), 3);
    assert_eq!(made("merge", json!({"datasets": both})).as_array().unwrap().len(), 4);
    let profile = made("profile", json!({"data": "in/t.csv", "format": "csv"}));
    assert_eq!((&profile["row_count"], &profile["columns"]["pay"]["mean"]), (&json!(4), &json!(17.5)));
    assert_eq!(profile["columns"]["dept"]["top"][0]["count"], json!(2));
}

#[test]
fn rows_are_aggregated() {
    let wanted = json!({"total": {"column": "pay", "function": "sum"}, "n": {"function": "count"}, "mid": {"column": "pay", "function": "median"}});
    assert_eq!(
        made(
            "aggregate",
            json!({"data": "in/t.csv", "output_format": "json", "group_by": ["dept"], "aggregations": wanted})
        ),
        json!([{"dept": "ops", "total": 20, "n": 2, "mid": 10}, {"dept": "dev", "total": 50, "n": 2, "mid": 25}])
    );
    failed(
        "aggregate",
        json!({"data": [{"a": "x"}], "aggregations": {"s": {"column": "a", "function": "sum"}}}),
        "is no number",
    );
    failed(
        "aggregate",
        json!({"data": [{"a": 1}], "aggregations": {"s": {"column": "b", "function": "sum"}}}),
        "no column `b`",
    );
}

#[test]
fn tables_are_changed_step_by_step() {
    let operations = json!([
        {"type": "deduplicate", "columns": ["name", "dept"]}, {"type": "cast", "columns": {"pay": "integer"}},
        {"type": "rename_fields", "mapping": {"pay": "salary"}}, {"type": "add_field", "field": "yr", "value": 2024},
        {"type": "filter", "field": "dept", "value": "dev"}, {"type": "calculate", "expressions": {"twice": "salary * 2"}},
    ]);
    assert_eq!(
        made(
            "transform",
            json!({"data": "in/t.csv", "format": "csv", "output_format": "json", "operations": operations})
        ),
        json!([
            {"name": "bob", "dept": "dev", "salary": 20, "yr": 2024, "twice": 40},
            {"name": "cy", "dept": "dev", "salary": 30, "yr": 2024, "twice": 60},
        ])
    );
    let one = |operation: Value| json!({"data": [{"a": 1}], "operations": [operation]});
    failed("transform", one(json!({"type": "no_such_operation"})), "no_such_operation");
    // How what is missing is filled may be said by a word, or column by column.
    for (how, expect) in [
        (json!({"strategy": "constant", "value": 0}), json!([{"a": 0, "b": 0}, {"a": 1, "b": 0}])),
        (json!({"strategy": {"a": 7}}), json!([{"a": 7, "b": null}, {"a": 1, "b": null}])),
        (json!({"columns": ["b"], "value": 5}), json!([{"a": null, "b": 5}, {"a": 1, "b": 5}])),
    ] {
        let mut operation = json!({"type": "fill_missing"});
        operation.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
        let data = json!([{"a": null, "b": null}, {"a": 1, "b": null}]);
        assert_eq!(made("transform", json!({"data": data, "operations": [operation]})), expect, "{how}");
    }
    failed(
        "transform",
        one(json!({"type": "calculate", "expressions": {"b": "a + 'x'"}})),
        "calculate: `b`: row 1",
    );
    failed("transform", one(json!({"type": "cast", "columns": {"z": "integer"}})), "no column `z`");
}

#[test]
fn formulas_over_all_of_the_data_are_refused_rather_than_written_down() {
    let spec = json!({"total": "sum(item['price'] for item in json.loads(data)['items'])", "n": "len(parsed_data['items'])"});
    let data = "{\"items\": [{\"price\": 2}, {\"price\": 3}]}";
    assert_eq!(made("filter", json!({"data": data, "transform_spec": spec})), json!({"total": 5, "n": 2}));
    let mut evil = spec;
    evil["evil"] = json!("json.loads.__globals__");
    let result = World::new().failed(
        "data-processing",
        "filter",
        json!({"data": data, "transform_spec": evil}),
        "`evil`",
    );
    assert_eq!(result["processed_data"], json!({"total": 5, "n": 2}));
}

#[test]
fn nothing_succeeds_with_nothing() {
    failed("filter", json!({"criteria": {}}), "`data` is missing");
    failed("filter", json!({"data": "not json", "criteria": {}}), "neither JSON nor CSV");
    failed("filter", json!({"data": "no/such.csv", "criteria": {}}), "no file");
    failed("filter", json!({"data": "../t.csv", "criteria": {}}), "leads out of the project");
    failed("filter", json!({"data": [{"a": 1}]}), "`criteria`");
    failed("filter", json!({"data": [1, 2], "criteria": {}}), "row 1 is no object");
    failed("filter", json!({"data": [{"a": 1}], "criteria": {"b": 1}}), "no column `b`");
    failed("filter", json!({"data": [{"a": 1}], "criteria": {"a": {"~": 1}}}), "no parameter `criteria.a.~`");
    let spelt = json!({"field": "a", "operator": "~", "value": 1});
    failed("filter", json!({"data": [{"a": 1}], "criteria": spelt}), "no comparison");
    failed("filter", json!({"data": [{"a": 1}], "criteria": "__import__('os')"}), "__import__");
    failed(
        "pivot",
        json!({"data": [{"a": 1}], "index": ["a"], "columns": ["b"], "values": ["a"]}),
        "no column `b`",
    );
    failed("merge", json!({"datasets": [[{"a": 1}], [{"b": 1}]], "merge_strategy": "join"}), "`join_on`");
    failed("convert", json!({"data": [], "output_format": "xml"}), "output_format");
}

#[test]
fn a_key_that_an_operation_does_not_have_is_an_error_before_anything_is_done() {
    let rows = json!([{"a": 1}]);
    for (operation, part) in [
        (json!({"type": "deduplicate", "colums": ["a"]}), "`operations[0].colums`; did you mean `columns`?"),
        (
            json!({"type": "filter", "field": "a", "operatr": ">"}),
            "`operations[0].operatr`; did you mean `operator`?",
        ),
        (
            json!({"type": "filter", "field": "a", "operator": "~="}),
            "`operations[0].operator` cannot be `~=`",
        ),
        (json!({"type": "add_field", "field": "c", "defualt": 2}), "no parameter `operations[0].defualt`"),
        (json!({"type": "fill_missing", "column": "a", "value": 0}), "did you mean `columns`?"),
        (json!({"type": "fill_missing", "strategy": "avarage", "value": 0}), "`operations[0].strategy`"),
        (json!({"type": "cast", "columns": {"a": "integr"}}), "did you mean `integer`?"),
        (
            json!({"type": "aggregate", "aggregations": {"s": {"colum": "a", "function": "sum"}}}),
            "did you mean `column`?",
        ),
        (json!({"type": "aggregate", "aggregations": {"s": "summ"}}), "did you mean `sum`?"),
        (json!({"type": "flter"}), "`operations[0].type` cannot be `flter`; did you mean `filter`?"),
        (json!({"columns": ["a"]}), "`operations[0].type` is missing"),
        (json!({"type": "deduplicate", "columns": ["a"], "fields": ["a"]}), "keep one of them"),
        (json!({"type": "calculate", "expressions": {"b": "a +"}}), "`operations`: calculate (1): `b`"),
        (json!({"type": "filter", "condition": "a >"}), "`operations`: filter (1)"),
    ] {
        let error = format!("{operation}: {part}");
        // The data is not even looked at.
        let document = World::new().act(
            "data-processing",
            "transform",
            json!({"data": "no/such.csv", "operations": [operation]}),
        );
        assert!(document["error"].as_str().unwrap().contains(part), "{error}: {document}");
    }
    failed("filter", json!({"data": rows, "operation": {"critera": {"a": 1}}}), "did you mean `criteria`?");
    failed(
        "filter",
        json!({"data": rows, "operation": {"criteria": {}, "group_by": ["a"]}}),
        "`operation.group_by`",
    );
    failed(
        "transform",
        json!({"data": rows, "operation": {"transformation": {}}}),
        "did you mean `transformations`?",
    );
    failed(
        "transform",
        json!({"data": rows, "operation": {"transformations": [{"type": "sort", "bye": "a"}]}}),
        "did you mean `by`?",
    );
    assert_eq!(
        made("transform", json!({"data": rows, "operation": {"transformations": {"b": "a * 2"}}})),
        json!([{"a": 1, "b": 2}])
    );
}

#[test]
fn what_is_said_twice_or_not_at_all_is_an_error() {
    let rows = json!([{"a": 1}]);
    failed(
        "convert",
        json!({"data": rows, "input_data": rows}),
        "`data` and `input_data` say the same thing",
    );
    failed(
        "convert",
        json!({"data": rows, "format": "csv", "input_format": "csv", "output_format": "json"}),
        "`input_format` and `output_format` leave nothing for `format` to say",
    );
    failed(
        "filter",
        json!({"data": rows, "criteria": {}, "format": "csv", "input_format": "json"}),
        "`format` and `input_format`",
    );
    failed(
        "filter",
        json!({"data": rows, "criteria": {}, "operation": {"criteria": {}}}),
        "`criteria` and `operation`",
    );
    failed(
        "transform",
        json!({"data": rows, "operations": [], "operation": {"transformations": []}}),
        "`operations` and `operation`",
    );
    let sum = json!({"s": {"column": "a", "function": "sum"}});
    let twice = json!({"data": rows, "aggregations": sum, "operation": {"aggregations": sum}});
    failed("aggregate", twice, "`aggregations` and `operation.aggregations`");
    failed("aggregate", json!({"data": rows, "operation": {"group_by": ["a"]}}), "`aggregations` says what");
    failed("transform", json!({"data": rows}), "`operations` says what is done");
    // What the data is and what it becomes are two things.
    for (read, becomes) in
        [("input_format", "format"), ("format", "output_format"), ("input_format", "output_format")]
    {
        // One column alone does not look like CSV.
        let both = json!({"data": "a\n1\n", read: "csv", becomes: "json"});
        assert_eq!(made("convert", both), json!([{"a": "1"}]), "{read}");
    }
    failed(
        "convert",
        json!({"data": "a\n1\n", "format": "json", "output_format": "csv"}),
        "neither JSON nor CSV",
    );
    let apart = json!({"data": rows, "aggregations": sum, "operation": {"group_by": ["a"]}});
    assert_eq!(made("aggregate", apart), json!([{"a": 1, "s": 1}]));
}

/// A key that would do nothing beside another is an error: nobody finds out otherwise.
#[test]
fn what_would_do_nothing_is_an_error() {
    let rows = json!([{"a": 1, "b": 2}]);
    let done = |operation: Value, part: &str| {
        failed("transform", json!({"data": rows, "operations": [operation]}), part);
    };
    for (operation, part) in [
        (json!({"type": "sort", "columns": "a", "field": "b"}), "`columns` and `field`"),
        (json!({"type": "filter", "condition": "a > 0", "operator": "<"}), "`condition` and `operator`"),
        (json!({"type": "filter", "condition": "a > 0", "value": 3}), "`condition` and `value`"),
        (json!({"type": "filter", "criteria": {"a": 1}, "operator": "<"}), "`criteria` and `operator`"),
        (json!({"type": "filter", "criteria": {"a": 1}, "value": 1}), "`criteria` and `value`"),
        (json!({"type": "filter", "field": "a", "operator": ">"}), "`a >` says no value to compare with"),
        (
            json!({"type": "aggregate", "aggregations": {"a": "sum"}, "field": "b"}),
            "`aggregations` and `field`",
        ),
        (
            json!({"type": "aggregate", "aggregations": {"s": {"column": "a", "field": "b", "function": "sum"}}}),
            "`s`: `column` and `field`",
        ),
        (json!({"type": "fill_missing", "columns": {"a": 5}, "value": 7}), "`value` would do nothing"),
        (
            json!({"type": "fill_missing", "fields": {"a": 5}, "fill_value": 7}),
            "`fill_value` would do nothing",
        ),
        (
            json!({"type": "fill_missing", "columns": ["a"], "strategy": {"a": 1}}),
            "`columns` would do nothing",
        ),
        (json!({"type": "fill_missing", "value": 2, "strategy": {"a": 1}}), "`value` would do nothing"),
    ] {
        done(operation, part);
    }
    let twice = json!({"s": {"column": "a", "field": "b", "function": "sum"}});
    failed("aggregate", json!({"data": rows, "aggregations": twice}), "`s`: `column` and `field`");
    failed(
        "aggregate",
        json!({"data": rows, "operation": {"aggregations": twice}}),
        "`s`: `column` and `field`",
    );
    let spec = json!({"z": "1+1"});
    for (action, more, part) in [
        ("filter", json!({"criteria": {"a": 1}}), "`criteria` would do nothing"),
        ("filter", json!({"operation": {"criteria": {"a": 1}}}), "`operation` would do nothing"),
        ("aggregate", json!({"aggregations": {"a": "sum"}}), "`aggregations` would do nothing"),
        ("aggregate", json!({"group_by": "a"}), "`group_by` would do nothing"),
        ("transform", json!({"operations": []}), "`operations` would do nothing"),
        ("clean", json!({"remove_duplicates": true}), "`remove_duplicates` would do nothing"),
        ("profile", json!({"profiling_options": ["data_types"]}), "`profiling_options` would do nothing"),
        ("pivot", json!({"index": "a", "columns": "a", "values": "b"}), "would do nothing"),
        ("convert", json!({"output_format": "csv"}), "cannot become CSV"),
        ("convert", json!({"format": "csv"}), "cannot become CSV"),
        ("filter", json!({"output_format": "csv"}), "cannot become CSV"),
    ] {
        let mut input = json!({"data": rows, "transform_spec": spec});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        failed(action, input, part);
    }
    failed("profile", json!({"data": rows, "output_format": "csv"}), "a profile is no table");
    for how in [json!({}), json!({"handle_missing": "drop"})] {
        let mut input = json!({"data": rows, "fill_value": 0});
        input.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
        failed("clean", input, "`fill_value` does nothing without `handle_missing: fill`");
    }
    let both = json!([rows, rows]);
    let concat = json!({"datasets": both, "merge_strategy": "concat", "join_on": "a"});
    failed("merge", concat, "`join_on` does nothing");
    failed("merge", json!({"datasets": both, "join_type": "left"}), "`join_type` does nothing");
    // What is read may be said beside formulas.
    let read = json!({"data": "a\n1\n", "format": "csv", "transform_spec": {"n": "len(parsed_data)"}});
    assert_eq!(made("filter", read), json!({"n": 1}));
}
