//! Resolution and levels, as tables of cases.

use super::*;

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)
}

#[test]
fn resolution_follows_avro_and_names_the_field() {
    let text = r#"{"name":"a","type":"string"}"#;
    let maybe = r#"{"name":"a","type":["null","string"],"default":null}"#;
    let long = r#"{"name":"a","type":"long"}"#;
    let int = r#"{"name":"a","type":"int"}"#;
    let millis = r#"{"name":"a","type":{"type":"long","logicalType":"timestamp-millis"}}"#;
    let micros = r#"{"name":"a","type":["null",{"type":"long","logicalType":"timestamp-micros"}]}"#;
    let list = |items: &str| format!(r#"{{"name":"a","type":{{"type":"array","items":{items}}}}}"#);
    let inner =
        |fields: &str| format!(r#"{{"name":"a","type":["null",{{"type":"record","name":"I","fields":[{fields}]}}]}}"#);
    let renamed = r#"{"name":"b","aliases":["a"],"type":"string"}"#;
    for (writer, reader, expected) in [
        (text, text, Ok(())),
        (text, maybe, Ok(())),
        (maybe, text, Err("field a is written as null and read as string")),
        (int, long, Ok(())),
        (long, int, Err("field a is written as long and read as int")),
        (long, micros, Ok(())),
        (millis, micros, Err("field a is written as timestamp-millis and read as timestamp-micros")),
        ("", maybe, Ok(())),
        ("", text, Err("field a is not written and has no default")),
        (text, "", Ok(())),
        (&list("\"int\""), &list("[\"null\",\"long\"]"), Ok(())),
        (&list("\"int\""), &list("\"string\""), Err("field a is written as int and read as string")),
        (&inner(int), &inner(text), Err("field a.a is written as int and read as string")),
        (text, renamed, Ok(())),
        (renamed, text, Err("field a is not written and has no default")),
    ] {
        let found = can_read(&record(reader), &record(writer));
        assert_eq!(found.as_ref().map_err(String::as_str).copied(), expected, "{writer} -> {reader}");
    }
}

#[test]
fn named_types_enums_and_recursion() {
    let node = |fields: &str| {
        format!(r#"{{"type":"record","name":"N","fields":[{{"name":"next","type":["null","N"]}}{fields}]}}"#)
    };
    assert_eq!(can_read(&node(""), &node("")), Ok(()));
    let more = node(r#",{"name":"x","type":"int"}"#);
    assert_eq!(can_read(&node(""), &more), Ok(()));
    assert_eq!(can_read(&more, &node("")), Err("field x is not written and has no default".into()));
    let e = |symbols: &str| format!(r#"{{"type":"enum","name":"E","symbols":[{symbols}]}}"#);
    assert_eq!(can_read(&e(r#""A""#), &e(r#""A","B""#)), Err("lacks the symbol B".into()));
    assert_eq!(can_read(&e(r#""A","B""#), &e(r#""A""#)), Ok(()));
    let f = |name: &str| format!(r#"{{"type":"fixed","name":"{name}","size":4}}"#);
    assert_eq!(can_read(&f("F"), &f("G")), Err("is named G by the writer and F by the reader".into()));
}

#[test]
fn levels_ask_in_their_direction() {
    let old = record(r#"{"name":"a","type":"int"}"#);
    let wider = record(r#"{"name":"a","type":"long"}"#);
    for level in Level::ALL {
        assert_eq!(level.to_string().parse::<Level>().unwrap(), level);
        assert_eq!(clashes(level, &old, &wider).is_empty(), !level.forward(), "{level}");
        assert_eq!(clashes(level, &wider, &old).is_empty(), !level.backward(), "{level}");
    }
    assert!("backward".parse::<Level>().is_err());
}

#[test]
fn all_clashes_are_found_in_both_directions() {
    let old = record(
        r#"{"name":"a","type":"int"},{"name":"b","type":"string"},
           {"name":"e","type":{"type":"enum","name":"E","symbols":["X","Y","Z"]}},
           {"name":"in","type":{"type":"record","name":"I","fields":[{"name":"x","type":"long"}]}},
           {"name":"again","type":"I"}"#,
    );
    let new = record(
        r#"{"name":"a","type":"string"},{"name":"c","type":["null","string"]},
           {"name":"e","type":{"type":"enum","name":"E","symbols":["X"]}},
           {"name":"in","type":{"type":"record","name":"I","fields":[{"name":"x","type":"int"}]}},
           {"name":"again","type":"I"}"#,
    );
    let said = |level| clashes(level, &old, &new).iter().map(Clash::sentence).collect::<Vec<_>>();
    let backward = [
        "field a is written as int and read as string",
        "field c is not written and has no default",
        "field e lacks the symbols Y, Z",
        "field in.x is written as long and read as int",
        "field again.x is written as long and read as int",
    ];
    let forward = ["field a is written as string and read as int", "field b is not written and has no default"];
    assert_eq!(said(Level::Backward), backward);
    assert_eq!(said(Level::Forward), forward);
    assert_eq!(said(Level::FullTransitive), [&backward[..], &forward[..]].concat());
    let full = clashes(Level::Full, &old, &new);
    assert_eq!(full.iter().filter(|clash| clash.new_reads).count(), backward.len());
    assert_eq!((full[0].written_as.as_deref(), full[0].read_as.as_deref()), (Some("int"), Some("string")));
    assert_eq!((full[1].written_as.as_deref(), full[1].read_as.as_deref()), (None, Some("[null, string]")));
}

/// A record that uses each type twice, 2^depth times the first one.
fn doubling(depth: usize, leaf: &str) -> String {
    let mut fields = format!(r#"{{"name":"f0","type":{{"type":"record","name":"T0","fields":[{leaf}]}}}}"#);
    for n in 1..depth {
        let before = n - 1;
        fields += &format!(
            r#",{{"name":"f{n}","type":{{"type":"record","name":"T{n}","fields":[
                {{"name":"l","type":["null","T{before}"]}},{{"name":"r","type":["null","T{before}"]}}]}}}}"#
        );
    }
    record(&fields)
}

#[test]
fn types_used_over_and_over_take_no_time() {
    let began = std::time::Instant::now();
    let (int, text) = (doubling(100, r#"{"name":"a","type":"int"}"#), doubling(100, r#"{"name":"a","type":"string"}"#));
    assert_eq!(can_read(&int, &int), Ok(()));
    let found = clashes(Level::Full, &int, &text);
    assert_eq!(found[0].path, "f0.a");
    assert!(found.len() >= MOST_CLASHES, "{}", found.len());
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

#[test]
fn a_pair_that_only_fits_while_another_is_assumed_to_is_judged_anew() {
    // B fits as long as A does; A does not, and B is asked for once more behind it.
    let schema = |leaf: &str| {
        record(&format!(
            r#"{{"name":"u","type":["null",{{"type":"record","name":"A","fields":[
                 {{"name":"b","type":["null",{{"type":"record","name":"B","fields":[{{"name":"a","type":["null","A"]}}]}}]}},
                 {{"name":"x","type":"{leaf}"}}]}}]}},
               {{"name":"v","type":"B"}}"#
        ))
    };
    let found = clashes(Level::Backward, &schema("int"), &schema("string"));
    let paths: Vec<_> = found.iter().map(|clash| clash.path.as_str()).collect();
    assert_eq!(paths, ["u.x", "v.a.x"]);
}

#[test]
fn what_cannot_be_parsed_is_a_clash() {
    let found = clashes(Level::Backward, "{}", "\"int\"");
    assert!(found[0].what.contains("cannot be compared"), "{found:?}");
    assert_eq!(clashes(Level::None, "{}", "\"int\""), []);
}
