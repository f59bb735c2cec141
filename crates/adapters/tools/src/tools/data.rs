//! Tables: read, changed, counted and written.

use async_trait::async_trait;
use refrain_core::formula::Formula;
use refrain_core::ports::agent::Touched;
use refrain_core::ports::tool_catalogue::{Complaint, Written};
use refrain_core::ports::workspace::Workspace;
use serde_json::{Map, Value, json};

use crate::declare::{Field, action, any, boolean, integer, list, one_of, text, texts};
use crate::params::Params;
use crate::table::aggregate::{FUNCTIONS, aggregate};
use crate::table::change::changed;
use crate::table::clean::{Cleaning, MISSING, cleaned};
use crate::table::criteria::Criteria;
use crate::table::keys;
use crate::table::merge::{JOINS, STRATEGIES, merged};
use crate::table::pivot::{Turn, pivoted};
use crate::table::profile::{options, profile};
use crate::table::{Table, columns_of_json};
use crate::tool::{Act, Acted, Action, Declared, Fault, Tool};

mod idle;
mod intent;

/// The most bytes of data.
const LARGEST: usize = 64 << 20;

#[derive(Debug)]
struct Data;

pub(super) fn declared() -> Declared {
    let of = |action: &str, what: &'static str| ("operation", keys::operation(action), what);
    let group = ("group_by", texts(), "the columns that make groups");
    let wanted = ("aggregations", keys::aggregations(), "what is made of each group");
    let actions = vec![
        made("convert", "Writes data in another format", vec![]),
        made(
            "filter",
            "Keeps some rows",
            vec![
                of("filter", "what is done: criteria"),
                ("criteria", keys::criteria(), "fields with their values, or a formula"),
            ],
        ),
        made(
            "aggregate",
            "Makes one row of many",
            vec![of("aggregate", "what is done: group_by, aggregations"), group, wanted],
        ),
        made(
            "transform",
            "Changes rows step by step",
            vec![
                of("transform", "what is done: transformations"),
                ("operations", keys::operations(), "what is done, in order"),
            ],
        ),
        made(
            "profile",
            "Describes data, column by column",
            vec![(
                "profiling_options",
                json!({"type": "array", "items": {"enum": options()}}),
                "what is wanted of it (all)",
            )],
        ),
        made(
            "pivot",
            "Turns rows into columns",
            vec![
                ("index!", texts(), "the columns that make rows"),
                ("columns!", texts(), "the columns whose values make columns"),
                ("values!", texts(), "the columns that fill them"),
                ("aggfunc", one_of(&FUNCTIONS), "what is made of several values (sum)"),
                ("fill_value", any(), "what stands where there is none"),
            ],
        ),
        made(
            "clean",
            "Takes out what does not belong",
            vec![
                ("remove_duplicates", boolean(), "whether equal rows become one"),
                ("handle_missing", one_of(&MISSING), "what is done with empty cells (keep)"),
                ("fill_value", any(), "what is put into them"),
                ("remove_outliers", boolean(), "whether rows go whose numbers lie far outside"),
            ],
        ),
        giving(
            "merge",
            "Makes one table of several",
            vec![
                ("datasets!", list(), "the tables"),
                ("merge_strategy", one_of(&STRATEGIES), "how (concat)"),
                ("join_on", texts(), "the columns that are the same"),
                ("join_type", one_of(&JOINS), "which rows stay that have no partner (inner)"),
                ("output_format", formats(), "what it becomes"),
                ("column_order", texts(), COLUMN_ORDER),
            ],
        ),
    ];
    super::tool("data-processing", &["process", "data_processing"], "Works with tables", actions, Data)
}

const COLUMN_ORDER: &str = "which columns come first in CSV (those of the first row, by name)";

fn formats() -> Value {
    one_of(&["json", "csv"])
}

/// Returns an action on data.
fn made(name: &'static str, description: &'static str, own: Vec<Field>) -> Action {
    let mut input = own;
    input.extend([
        ("data", any(), "rows, a text of JSON or CSV, or the path of a file"),
        ("input_data", any(), "the same as `data`"),
        ("format", formats(), "what the data is; of `convert` without `output_format`, what it becomes"),
        ("input_format", formats(), "what the data is"),
        ("output_format", formats(), "what it becomes"),
        ("column_order", texts(), COLUMN_ORDER),
        (
            "transform_spec",
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            "values by name, each a formula over `data` and `parsed_data`",
        ),
    ]);
    giving(name, description, input)
}

fn giving(name: &'static str, description: &'static str, input: Vec<Field>) -> Action {
    let result = [
        ("data", any(), "what was made: rows, or a text of CSV"),
        ("processed_data", any(), "the same as `data`"),
        ("format", text(), "json or csv"),
        ("row_count", integer(), "how many rows that are"),
        ("original_count", integer(), "how many there were"),
        ("filtered_count", integer(), "how many are left"),
    ];
    action(name, description, &input, &result)
}

#[async_trait]
impl Tool for Data {
    fn touches(&self, _: &str, input: &Map<String, Value>) -> Touched {
        let data = input.get("data").or_else(|| input.get("input_data")).and_then(Value::as_str);
        let path = data.filter(|text| may_be_path(text)).map(str::to_owned);
        Touched { reads: path.into_iter().collect(), writes: Vec::new() }
    }

    fn judge(&self, action: &str, written: &Written, _: &dyn Workspace) -> Vec<Complaint> {
        // Rows that are written out bring the order of their columns along, whatever becomes of them.
        intent::judged(action, written).into_iter().chain(idle::order_of_nothing(action, written)).collect()
    }

    async fn act(&self, act: Act<'_>) -> Result<Acted, Fault> {
        if let Some(complaint) = intent::judged(act.action, &act.params.written()).into_iter().next() {
            return Err(Fault::reported(complaint.message));
        }
        let given = match given(&act.params) {
            Some(given) => Some(Source::of(given, &act.params, act.action, &*act.ports.workspace).await?),
            None => None,
        };
        let Act { action, params, .. } = act;
        let action = action.to_owned();
        // It may take a while.
        let worked = tokio::task::spawn_blocking(move || worked(&action, &params, given));
        worked.await.map_err(|error| Fault::reported(format!("it broke off: {error}")))?
    }
}

fn given(params: &Params) -> Option<&Value> {
    params.get("data").or_else(|| params.get("input_data"))
}

/// Whether a text may be the path of a file, and is no data itself.
fn may_be_path(text: &str) -> bool {
    let ending = text.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_word = !ending.is_empty() && ending.len() <= 8 && ending.chars().all(char::is_alphanumeric);
    is_word && text.len() <= 1_000 && !text.contains(['\n', '{', '[', ','])
}

/// Data, what it says, and what it is to become.
#[derive(Debug)]
struct Source {
    /// The data as a text.
    text: Option<String>,
    value: Value,
    table: Option<Table>,
    is_csv: bool,
}

impl Source {
    async fn of(given: &Value, params: &Params, action: &str, files: &dyn Workspace) -> Result<Self, Fault> {
        let Value::String(text) = given else {
            return Ok(Self { text: None, value: given.clone(), table: None, is_csv: false });
        };
        let is_read = action != "convert" || params.has("output_format");
        let said = params.text("input_format");
        let said = said.or_else(|| params.text("format").filter(|_| is_read));
        if !may_be_path(text) {
            return Self::read(text.clone(), said);
        }
        let bytes = files.read(text).await.map_err(Fault::of_file(text))?;
        if bytes.len() > LARGEST {
            return Err(Fault::reported(format!("{text} has more than {} MiB", LARGEST >> 20)));
        }
        let contents = String::from_utf8(bytes)
            .map_err(|error| Fault::reported(format!("{text} is no text: {error}")))?;
        let ending = text.rsplit_once('.').map_or("", |(_, ending)| ending).to_lowercase();
        let named = matches!(ending.as_str(), "csv" | "json").then_some(ending.as_str());
        Self::read(contents, params.text("input_format").or(named).or(said))
    }

    fn read(text: String, said: Option<&str>) -> Result<Self, Fault> {
        let looks_like_json = text.trim_start().starts_with(['{', '[']);
        match said {
            Some("csv") if !looks_like_json => {
                let table = Table::from_csv(&text)?;
                Ok(Self { value: table.json(), table: Some(table), text: Some(text), is_csv: true })
            }
            None if !looks_like_json && text.contains('\n') && text.contains(',') => {
                Self::read(text, Some("csv"))
            }
            _ => {
                let value = serde_json::from_str(&text)
                    .map_err(|error| Fault::reported(format!("the data is neither JSON nor CSV: {error}")))?;
                Ok(Self { text: Some(text), value, table: None, is_csv: false })
            }
        }
    }

    /// Returns it as rows; the columns of a text stand in its order.
    fn table(&self) -> Result<Table, Fault> {
        if let Some(table) = &self.table {
            return Ok(table.clone());
        }
        let table = Table::of(&self.value)?;
        let columns = self.text.as_deref().map(columns_of_json).unwrap_or_default();
        Ok(Table::made(columns, table.rows))
    }
}

fn worked(action: &str, params: &Params, source: Option<Source>) -> Result<Acted, Fault> {
    if action == "merge" {
        let tables =
            params.list("datasets").into_iter().flatten().map(dataset).collect::<Result<Vec<_>, _>>()?;
        let original = tables.iter().map(|table| table.rows.len()).sum();
        let (how, join) = (params.text("merge_strategy"), params.text("join_type").unwrap_or("inner"));
        let how = how.unwrap_or(if params.has("join_on") { "join" } else { "concat" });
        let table = merged(tables, how, &params.texts("join_on"), join)?;
        return told(&ordered(table, params), original, params.text("output_format") == Some("csv"));
    }
    let source = source.ok_or_else(|| Fault::reported("`data` is missing"))?;
    if let Some(spec) = params.map("transform_spec") {
        return calculated(&source, spec);
    }
    let csv = match (params.text("output_format"), params.text("format")) {
        (Some(format), _) | (None, Some(format)) => format == "csv",
        (None, None) => source.is_csv && action != "profile",
    };
    if action == "convert" && !csv {
        let n = source.value.as_array().map_or(1, Vec::len);
        return Ok(made_of(source.value, "json", n, n));
    }
    let table = source.table()?;
    let original = table.rows.len();
    let operation = params.map("operation");
    let part = |name: &str| params.get(name).or_else(|| operation.and_then(|operation| operation.get(name)));
    let table = match action {
        "convert" => table,
        "filter" => Criteria::of(part("criteria").unwrap_or(&Value::Null))?.filter(table)?,
        "aggregate" => {
            let none = Map::new();
            let wanted = part("aggregations").and_then(Value::as_object).unwrap_or(&none);
            aggregate(&table, &crate::params::texts(part("group_by")), wanted)?
        }
        "transform" => {
            let steps = params.get("operations").or_else(|| part("transformations"));
            match steps {
                Some(Value::Array(steps)) => steps.iter().try_fold(table, changed)?,
                expressions => changed(table, &json!({ "type": "calculate", "expressions": expressions }))?,
            }
        }
        "profile" => {
            let profile = profile(&table, &params.texts("profiling_options"));
            return Ok(made_of(profile, "json", original, original));
        }
        "pivot" => {
            let turn = Turn {
                index: &params.texts("index"),
                columns: &params.texts("columns"),
                values: &params.texts("values"),
                function: params.text("aggfunc").unwrap_or("sum"),
                fill: params.get("fill_value").cloned().unwrap_or_default(),
            };
            pivoted(&table, &turn)?
        }
        _ => {
            let how = Cleaning {
                removes_duplicates: params.flag("remove_duplicates").unwrap_or(false),
                missing: params.text("handle_missing"),
                fill: params.get("fill_value"),
                removes_outliers: params.flag("remove_outliers").unwrap_or(false),
            };
            cleaned(table, &how)?
        }
    };
    told(&ordered(table, params), original, csv)
}

/// Puts the columns that are named first.
fn ordered(mut table: Table, params: &Params) -> Table {
    let order = params.texts("column_order");
    let place = |column: &String| order.iter().position(|name| name == column).unwrap_or(order.len());
    table.columns.sort_by_key(place);
    table
}

fn dataset(value: &Value) -> Result<Table, Fault> {
    match value {
        Value::String(text) => Source::read(text.clone(), None)?.table(),
        other => Table::of(other),
    }
}

fn told(table: &Table, original: usize, csv: bool) -> Result<Acted, Fault> {
    let (data, format) = if csv { (Value::String(table.csv()?), "csv") } else { (table.json(), "json") };
    Ok(made_of(data, format, table.rows.len(), original))
}

fn made_of(data: Value, format: &str, rows: usize, original: usize) -> Acted {
    Acted::new(json!({
        "processed_data": data, "data": data, "format": format, "row_count": rows,
        "original_count": original, "filtered_count": rows,
    }))
}

/// Evaluates formulas over all of the data. One that fails is a failure, and is not written as data.
fn calculated(source: &Source, spec: &Map<String, Value>) -> Result<Acted, Fault> {
    let text = source.text.clone().unwrap_or_else(|| source.value.to_string());
    let names = Map::from_iter([
        ("data".to_owned(), Value::String(text)),
        ("parsed_data".to_owned(), source.value.clone()),
    ]);
    let (mut made, mut wrong) = (Map::new(), Vec::new());
    for (name, formula) in spec {
        let value =
            Formula::parse(formula.as_str().unwrap_or_default()).and_then(|formula| formula.eval(&names));
        match value {
            Ok(value) => drop(made.insert(name.clone(), value)),
            Err(error) => wrong.push(format!("`{name}`: {error}")),
        }
    }
    let rows = source.value.as_array().map_or(1, Vec::len);
    let acted = made_of(Value::Object(made), "json", rows, rows);
    if wrong.is_empty() { Ok(acted) } else { Err(Fault::reported(wrong.join("; ")).with(acted.result)) }
}
