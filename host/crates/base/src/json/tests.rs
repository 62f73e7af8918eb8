use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn at(text: &str, pointers: &[&str]) -> Vec<Option<Value>> {
    pluck(text.as_bytes(), &PointerSet::new(pointers).unwrap()).unwrap()
}

#[test]
fn values_are_found_wherever_they_stand() {
    let text = r#" {"a":{"b":[10,{"c":"x"}]},"":0,"m~n":1,"k/l":2,"u":null,"t":true,"a":{"b":[11,{"c":"y"}]}} "#;
    let pointers = [
        "/a/b/1/c", "/a/b/0", "/", "/m~0n", "/k~1l", "/u", "/t", "/nowhere", "/a/b/2", "/t/x", "",
    ];
    let found = at(text, &pointers);
    let expected = [
        Some(json!("y")),
        Some(json!(11)),
        Some(json!(0)),
        Some(json!(1)),
        Some(json!(2)),
        Some(Value::Null),
        Some(json!(true)),
        None,
        None,
        None,
    ];
    assert_eq!(found[..10], expected);
    assert_eq!(found[10], Some(serde_json::from_str(text).unwrap()));
}

#[test]
fn a_value_that_cannot_be_represented_leaves_the_others() {
    let set = PointerSet::new(&["/a", "/b", "/c"]).unwrap();
    let text = |a: &[u8]| [b"{\"a\":", a, b",\"b\":\"x\"}"].concat();
    for a in [&b"\"\xff\""[..], br#""\ud800""#, br#"["\udc00"]"#] {
        let text = text(a);
        let found = pluck_borrowed(&text, &set).unwrap();
        let unreadable = Some(Plucked::Unreadable { at: 5 });
        assert_eq!(found, [unreadable, Some(Plucked::Text("x".into())), None]);
        assert_eq!(pluck(&text, &set).unwrap(), [None, Some(json!("x")), None]);
    }
}

#[test]
fn numbers_are_texts_as_they_are_written() {
    let set = PointerSet::new(&["/n"]).unwrap();
    for number in [
        "9007199254740993",
        "10.00",
        "-0",
        "1e400",
        "123456789012345678901234567890",
    ] {
        let text = format!(r#"{{"n": {number} }}"#);
        let found = pluck_borrowed(text.as_bytes(), &set).unwrap().remove(0);
        assert_eq!(found.unwrap().as_text(), Some(number));
    }
    for (value, text) in [
        ("true", Some("true")),
        ("\"\"", None),
        ("null", None),
        ("[1]", None),
    ] {
        let json = format!(r#"{{"n":{value}}}"#);
        let found = pluck_borrowed(json.as_bytes(), &set).unwrap().remove(0);
        assert_eq!(found.unwrap().as_text(), text);
    }
}

#[test]
fn of_a_repeated_key_the_last_counts() {
    assert_eq!(at(r#"{"a":{"b":1},"a":{}}"#, &["/a/b"]), [None]);
    assert_eq!(at(r#"{"a":{"b":1},"a":2}"#, &["/a/b"]), [None]);
    assert_eq!(at(r#"{"a":1,"\u0061":2}"#, &["/a"]), [Some(json!(2))]);
    assert_eq!(
        items(br#"{"e":[1],"e":[2,3]}"#, "/e").unwrap(),
        [b"2", b"3"]
    );
    assert!(items(br#"{"e":[1],"e":{}}"#, "/e").is_err());
}

#[test]
fn array_steps_are_plain_indices() {
    let text = r#"[1,2,{"00":3,"+1":4,"-":5}]"#;
    assert_eq!(
        at(text, &["/0", "/00", "/+1", "/-", "/2/00"]),
        [Some(json!(1)), None, None, None, Some(json!(3))]
    );
}

#[test]
fn one_pointer_twice_has_one_slot() {
    let mut set = PointerSet::default();
    assert!(set.is_empty());
    assert_eq!(
        [set.add("/a"), set.add("/b"), set.add("/a")],
        [Ok(0), Ok(1), Ok(0)]
    );
    assert_eq!(set.len(), 2);
    assert_eq!(set.add("a"), Err(PointerError::NoSlash("a".to_owned())));
    for wrong in ["/~", "/a~2", "/~1~"] {
        assert_eq!(set.add(wrong), Err(PointerError::Escape(wrong.to_owned())));
    }
}

#[test]
fn items_are_slices_of_the_text() {
    let text = br#"{"x":[9],"a":{"e":[ {"n": 1} , "]" ,[], 2 ]}}"#;
    let found = items(text, "/a/e").unwrap();
    assert_eq!(found, [&br#"{"n": 1}"#[..], b"\"]\"", b"[]", b"2"]);
    assert!(text.as_ptr_range().contains(&found[0].as_ptr()));
    assert_eq!(items(b"[]", "").unwrap(), Vec::<&[u8]>::new());
    for (text, pointer) in [
        ("{}", "/e"),
        ("[]", "/e"),
        (r#"{"e":{}}"#, "/e"),
        (r#"{"e":[]} x"#, "/e"),
        ("", ""),
    ] {
        assert!(items(text.as_bytes(), pointer).is_err(), "{text}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let set = PointerSet::new(&["/a"]).unwrap();
    let error = pluck(br#"{"a":1"#, &set).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it is not JSON: `,` or `}` expected at byte 6"
    );
    let deep = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
    assert!(pluck(&deep(127), &set).is_ok());
    assert_eq!(pluck(&deep(128), &set).unwrap_err(), NotJson::TooDeep);
    assert_eq!(
        pluck(&[b'['; 1_000_000], &set).unwrap_err(),
        NotJson::TooDeep
    );
}

/// Texts that are JSON, or nearly so.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"\\u00e9\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"é\"",
        "\"0123456789\\\"abcdef\"",
        "\"01234567\u{1}\"",
        "1",
        "-0",
        "01",
        "1.",
        "1.5e+3",
        "1e",
        "-",
        "true",
        "tru",
        "null",
        " ",
        "\n",
        "\u{a0}",
        "\"",
        "\\",
        "{\"a\":",
        "[1,",
        "{\"a\":{\"b\":2}}",
        "{}",
        "[]",
    ]);
    let soup = prop::collection::vec(words, 0..12).prop_map(|words| words.concat().into_bytes());
    let tree = tree().prop_map(|value| serde_json::to_vec(&value).unwrap());
    let pretty = tree_text();
    let broken =
        (tree_text(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut text, at, to)| {
            let at = at.index(text.len());
            text[at] = to;
            text
        });
    prop_oneof![soup, tree, pretty, broken]
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "[\"\\\\\\x00-\\x1fa-z]{0,20}".prop_map(Value::from),
        // Longer than what the scanner looks at together.
        "[a-zé]{50,150}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[ab]|\\PC{0,9}", inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn tree_text() -> impl Strategy<Value = Vec<u8>> {
    tree().prop_map(|value| serde_json::to_vec_pretty(&value).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_same_texts_are_json_as_for_serde(text in nearly_json()) {
        let serde = serde_json::from_slice::<serde::de::IgnoredAny>(&text);
        let ours = pluck(&text, &PointerSet::default());
        prop_assert_eq!(serde.is_ok(), ours.is_ok(), "{:?} {:?} {:?}", String::from_utf8_lossy(&text), serde.err(), ours);
        let _ = items(&text, "/a");
    }

    #[test]
    fn the_same_values_are_found_as_by_serde(value in tree(), pretty: bool) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let value: Value = serde_json::from_slice(&text).unwrap();
        let pointers = ["/a", "/a/b", "/b/a/0", "/0", "/1/a", "/b", "/5"];
        let found = pluck(&text, &PointerSet::new(&pointers).unwrap()).unwrap();
        for (pointer, found) in pointers.iter().zip(found) {
            prop_assert_eq!(found.as_ref(), value.pointer(pointer), "{}", pointer);
        }
    }
}
