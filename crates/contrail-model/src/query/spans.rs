//! The times that a statement asks a table for, so that only files that can hold them are handed over.
//!
//! Only what is certain counts: conditions on a column and a constant that every mention of the table in the statement
//! has, in the WHERE of a SELECT that reads this table alone. Whatever else there is narrows nothing.

use std::collections::{BTreeMap, HashMap};

use duckdb::Connection;
use serde_json::Value;

use super::Span;

/// Constants looked at in one statement; each costs a look at DuckDB.
const MOST: usize = 16;
/// The clock goes on between this look and the statement.
const SLACK: i64 = 60_000_000;
/// Functions of constants that are constant while a statement runs, or nearly.
const STEADY: [&str; 25] = [
    "*",
    "+",
    "-",
    "/",
    "current_date",
    "current_timestamp",
    "date_trunc",
    "epoch_ms",
    "get_current_timestamp",
    "make_date",
    "make_timestamp",
    "make_timestamptz",
    "now",
    "strptime",
    "time_bucket",
    "to_days",
    "to_hours",
    "to_milliseconds",
    "to_minutes",
    "to_months",
    "to_seconds",
    "to_timestamp",
    "to_weeks",
    "today",
    "trunc",
];

/// By table: what every mention of it asks for.
pub(super) fn spans(connection: &Connection, tree: &str) -> BTreeMap<String, Vec<Span>> {
    // A statement too deep to be read is not narrowed.
    let Ok(tree) = serde_json::from_str::<Value>(tree) else { return BTreeMap::new() };
    let mut mentions = Mentions { constants: Constants::new(connection), ..Mentions::default() };
    mentions.take(&tree);
    let Mentions { all, asked, hidden, .. } = mentions;
    let complete =
        |table: &String, found: &Vec<Columns>| all.get(table) == Some(&found.len()) && !hidden.contains(table);
    let asked = asked.into_iter().filter(|(table, found)| complete(table, found));
    asked.map(|(table, found)| (table, hull(&found))).filter(|(_, spans)| !spans.is_empty()).collect()
}

/// First and last instant asked of each column.
type Columns = BTreeMap<String, (i64, i64)>;

/// What covers all of them, of columns that all of them narrow.
fn hull(found: &[Columns]) -> Vec<Span> {
    let Some((first, rest)) = found.split_first() else { return Vec::new() };
    let covering = |(column, span): (&String, &(i64, i64))| {
        let all = rest.iter().try_fold(*span, |(low, high), columns| {
            columns.get(column).map(|(first, last)| (low.min(*first), high.max(*last)))
        });
        all.map(|(first, last)| Span {
            column: column.clone(),
            first: first.saturating_sub(SLACK),
            last: last.saturating_add(SLACK),
        })
    };
    first.iter().filter_map(covering).collect()
}

#[derive(Default)]
struct Mentions<'a> {
    /// How often a table is read.
    all: HashMap<String, usize>,
    asked: BTreeMap<String, Vec<Columns>>,
    /// Names that the statement gives to something else.
    hidden: Vec<String>,
    constants: Constants<'a>,
}

impl Mentions<'_> {
    fn take(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.take(item)),
            Value::Object(fields) => {
                let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
                match text("type") {
                    "BASE_TABLE" => *self.all.entry(text("table_name").to_lowercase()).or_default() += 1,
                    "SELECT_NODE" => self.select(&value["from_table"], &value["where_clause"]),
                    _ => {}
                }
                if let Some(Value::Array(ctes)) = value.get("cte_map").and_then(|ctes| ctes.get("map")) {
                    self.hidden.extend(ctes.iter().filter_map(|cte| Some(cte["key"].as_str()?.to_lowercase())));
                }
                if let Some(name) = fields.get("cte_name").and_then(Value::as_str) {
                    self.hidden.push(name.to_lowercase());
                }
                fields.values().for_each(|field| self.take(field));
            }
            _ => {}
        }
    }

    /// A SELECT that reads one table and nothing else.
    fn select(&mut self, from: &Value, condition: &Value) {
        // `FROM states AS s (a, b)` calls columns otherwise.
        let renamed = from["column_name_alias"].as_array().is_some_and(|names| !names.is_empty());
        if from["type"] != "BASE_TABLE" || renamed {
            return;
        }
        let Some(table) = from["table_name"].as_str() else { return };
        let mut columns = Columns::new();
        self.narrow(condition, &mut columns);
        if !columns.is_empty() {
            self.asked.entry(table.to_lowercase()).or_default().push(columns);
        }
    }

    fn narrow(&mut self, condition: &Value, columns: &mut Columns) {
        match condition["type"].as_str().unwrap_or_default() {
            "CONJUNCTION_AND" => {
                for child in condition["children"].as_array().into_iter().flatten() {
                    self.narrow(child, columns);
                }
            }
            "COMPARE_BETWEEN" => {
                if let Some(column) = column(&condition["input"]) {
                    let (low, high) =
                        (self.constants.instant(&condition["lower"]), self.constants.instant(&condition["upper"]));
                    cut(columns, column, low, high);
                }
            }
            compared => {
                let (left, right) = (&condition["left"], &condition["right"]);
                let (name, constant, swapped) = match (column(left), column(right)) {
                    (Some(name), None) => (name, right, false),
                    (None, Some(name)) => (name, left, true),
                    _ => return,
                };
                let (below, above) = match (compared, swapped) {
                    ("COMPARE_EQUAL", _) => (true, true),
                    ("COMPARE_GREATERTHAN" | "COMPARE_GREATERTHANOREQUALTO", false)
                    | ("COMPARE_LESSTHAN" | "COMPARE_LESSTHANOREQUALTO", true) => (true, false),
                    ("COMPARE_LESSTHAN" | "COMPARE_LESSTHANOREQUALTO", false)
                    | ("COMPARE_GREATERTHAN" | "COMPARE_GREATERTHANOREQUALTO", true) => (false, true),
                    _ => return,
                };
                let at = self.constants.instant(constant);
                cut(columns, name, at.filter(|_| below), at.filter(|_| above));
            }
        }
    }
}

/// The last part of a column's name, as SQL compares names.
fn column(expression: &Value) -> Option<String> {
    let names = expression["column_names"].as_array().filter(|_| expression["class"] == "COLUMN_REF")?;
    Some(names.last()?.as_str()?.to_lowercase())
}

fn cut(columns: &mut Columns, column: String, low: Option<i64>, high: Option<i64>) {
    if low.or(high).is_some() {
        let (first, last) = columns.entry(column).or_insert((i64::MIN, i64::MAX));
        *first = (*first).max(low.unwrap_or(i64::MIN));
        *last = (*last).min(high.unwrap_or(i64::MAX));
    }
}

/// Asks DuckDB what a constant expression is as an instant.
#[derive(Default)]
struct Constants<'a> {
    connection: Option<&'a Connection>,
    /// The tree of a SELECT of one instant, and how many may still be asked.
    template: Value,
    left: usize,
}

impl<'a> Constants<'a> {
    fn new(connection: &'a Connection) -> Self {
        const TEMPLATE: &str = "SELECT json_serialize_sql('SELECT epoch_us(CAST(NULL AS TIMESTAMPTZ))')::VARCHAR";
        let template = connection.query_row(TEMPLATE, [], |row| row.get::<_, String>(0)).ok();
        let template = template.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self { connection: Some(connection), template, left: MOST }
    }

    /// Microseconds since the epoch; `None` for what is no constant, no time, or null.
    fn instant(&mut self, expression: &Value) -> Option<i64> {
        if self.left == 0 || !is_steady(expression) {
            return None;
        }
        self.left -= 1;
        let mut tree = self.template.clone();
        *tree.pointer_mut("/statements/0/node/select_list/0/children/0/child")? = expression.clone();
        let connection = self.connection?;
        let sql: String =
            connection.query_row("SELECT json_deserialize_sql(?::JSON)", [tree.to_string()], |row| row.get(0)).ok()?;
        connection.query_row(&sql, [], |row| row.get::<_, Option<i64>>(0)).ok()?
    }
}

fn is_steady(expression: &Value) -> bool {
    let all = |children: &Value| children.as_array().is_some_and(|children| children.iter().all(is_steady));
    match expression["class"].as_str().unwrap_or_default() {
        "CONSTANT" => true,
        "CAST" => is_steady(&expression["child"]),
        "FUNCTION" => {
            let name = expression["function_name"].as_str().unwrap_or_default();
            STEADY.contains(&name) && all(&expression["children"])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a statement asks of `states`: column and hours since 2026-01-01T00:00Z.
    fn asked(sql: &str) -> Vec<(String, Option<i64>, Option<i64>)> {
        const START: i64 = 1_767_225_600_000_000;
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("SET TimeZone = 'UTC'").unwrap();
        let tree: String =
            connection.query_row("SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", [sql], |row| row.get(0)).unwrap();
        let hour = |at: i64| (at - START).div_euclid(3_600_000_000);
        let end = |at: i64| (at > i64::MIN / 2 && at < i64::MAX / 2).then_some(at);
        let found = spans(&connection, &tree).remove("states").unwrap_or_default();
        let of = |span: Span| {
            (span.column, end(span.first).map(|at| hour(at + SLACK)), end(span.last).map(|at| hour(at - SLACK)))
        };
        found.into_iter().map(of).collect()
    }

    fn at(first: impl Into<Option<i64>>, last: impl Into<Option<i64>>) -> Vec<(String, Option<i64>, Option<i64>)> {
        vec![("last_contact".into(), first.into(), last.into())]
    }

    #[test]
    fn conditions_that_hold_for_every_row_of_the_table_narrow_it() {
        let cases = [
            ("last_contact >= '2026-01-01 05:00'", at(5, None)),
            ("last_contact > TIMESTAMPTZ '2026-01-01 05:00:00+00' AND last_contact < '2026-01-01 07:00'", at(5, 7)),
            ("states.last_contact BETWEEN '2026-01-01 01:00' AND '2026-01-02' AND velocity > 3", at(1, 24)),
            ("'2026-01-01 02:00' < LAST_CONTACT AND DATE '2026-01-02' > last_contact", at(2, 24)),
            ("last_contact >= TIMESTAMP '2026-01-01 07:00' - INTERVAL 2 HOURS", at(5, None)),
            ("NOT last_contact > '2026-01-01 05:00'", at(None, 5)),
            ("last_contact = TIMESTAMP '2026-01-01 03:00'", at(3, 3)),
            ("last_contact >= DATE '2026-01-02' - INTERVAL 6 HOURS AND (icao24 = 'a' OR velocity > 1)", at(18, None)),
            ("last_contact >= date_trunc('day', TIMESTAMP '2026-01-01 13:00') + INTERVAL '1 hour'", at(1, None)),
        ];
        for (condition, wanted) in cases {
            assert_eq!(asked(&format!("SELECT count(*) FROM states WHERE {condition}")), wanted, "{condition}");
        }
        let two = "SELECT * FROM states s WHERE s.last_contact > '2026-01-01 05:00' AND s.last_contact < '2026-01-01 06:00'
                   UNION ALL SELECT * FROM states WHERE last_contact > '2026-01-01 01:00' AND last_contact < '2026-01-01 02:00'";
        assert_eq!(asked(two), at(1, 6));
        let inside = "WITH s AS (SELECT * FROM states WHERE last_contact > '2026-01-01 05:00') SELECT * FROM s, s AS t";
        assert_eq!(asked(inside), at(5, None));
    }

    #[test]
    fn whatever_is_not_certain_narrows_nothing() {
        for sql in [
            "SELECT * FROM states",
            "SELECT * FROM states WHERE last_contact > '2026-01-01' OR velocity > 3",
            "SELECT * FROM states WHERE last_contact > time_position",
            "SELECT * FROM states WHERE last_contact > (SELECT max(last_contact) FROM states_raw)",
            "SELECT * FROM states WHERE last_contact > '2026-01-01' + to_days(random())",
            "SELECT * FROM states WHERE date_trunc('hour', last_contact) > '2026-01-01'",
            "SELECT * FROM states WHERE last_contact <> '2026-01-01'",
            "SELECT * FROM states WHERE last_contact > 'never'",
            "SELECT * FROM states WHERE last_contact > NULL",
            "SELECT * FROM states a JOIN states b USING (icao24) WHERE a.last_contact > '2026-01-01'",
            "SELECT * FROM states WHERE last_contact > '2026-01-01' UNION ALL SELECT * FROM states",
            "SELECT *, (SELECT count(*) FROM states) FROM states WHERE last_contact > '2026-01-01'",
            "WITH states AS (SELECT now() AS last_contact) SELECT * FROM states WHERE last_contact > '2026-01-01'",
            "SELECT * FROM states AS s (a, last_contact) WHERE last_contact > '2026-01-01'",
            "SELECT * FROM states HAVING max(last_contact) > '2026-01-01'",
        ] {
            assert_eq!(asked(sql), [], "{sql}");
        }
        let much = "SELECT * FROM states WHERE last_contact > '2026-01-01 05:00'".to_owned()
            + &" AND last_contact > '2026-01-01 01:00'".repeat(100);
        assert_eq!(asked(&much), at(5, None), "and it costs little");
    }
}
