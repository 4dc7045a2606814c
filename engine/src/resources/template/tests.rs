use serde::Serialize;
use serde_json::json;

use super::{Source, Template, Text};
use crate::{
    Error,
    resource::{Described as _, Resource as _},
    values::Secret,
};

#[derive(Serialize)]
struct Script<'a> {
    hostname: &'a str,
    servers: Vec<&'a str>,
    ttl: Option<u32>,
}

const SCRIPT: Script = Script { hostname: "it's", servers: vec![], ttl: None };

fn faults<V: Serialize>(text: &'static str, variables: V) -> Vec<String> {
    match Template::render("/x", &Source::<V>::new("ddns.tera", text), variables) {
        Err(Error::Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
        Err(error) => panic!("{error}"),
        Ok(template) => panic!("rendered {}", template.text()),
    }
}

#[test]
fn text_is_rendered_without_escaping_for_html() {
    static SOURCE: Source<Script> = Source::new(
        "a",
        "<{{ hostname }}>{% for s in servers %} {{ s }}{% endfor %}{% if ttl %}{{ ttl }}{% endif %}\n",
    );
    let script = Script { hostname: "a & \"b\"", servers: vec!["x", "y"], ttl: None };
    assert_eq!(Template::render("/x", &SOURCE, script).unwrap().text(), "<a & \"b\"> x y\n");
}

#[test]
fn values_are_quoted_for_a_shell_and_for_json() {
    static SOURCE: Source<Script> = Source::new(
        "a",
        "{{ hostname | sh }} {{ servers | sh }} {{ ttl | sh }} {{ hostname | json }} {{ servers | json }}",
    );
    let script = Script { hostname: "it's $HOME", servers: vec!["a b", "c"], ttl: Some(60) };
    let text = r#"'it'\''s $HOME' 'a b' 'c' '60' "it's $HOME" ["a b","c"]"#;
    assert_eq!(Template::render("/x", &SOURCE, script).unwrap().text(), text);
}

#[test]
fn what_would_take_all_time_or_memory_is_refused() {
    for (text, said) in [
        (
            "{% for a in range(end=100000) %}{% for b in range(end=100000) %}{% endfor %}{% endfor %}",
            "template `t`: `range` gives more than 100000 numbers in this text, all calls together",
        ),
        ("{{ range(end=9000000000000000000) }}", "`range` gives more than 100000 numbers"),
        ("{{ range(end=2, step_by=0) }}", "`step_by` of `range` is 0"),
        ("{{ range(start=2, end=1) }}", "`start` of `range` is greater than `end`"),
        (
            "{% for a in range(end=300) %}{% for b in v %}{{ b }}{% endfor %}{% endfor %}",
            "template `t`: this becomes more than 16 MiB of text",
        ),
    ] {
        let text = Text::named("t".to_owned(), text.to_owned());
        let faults = text.render(&json!({"v": ["x".repeat(60_000)]}), "variables").unwrap_err();
        assert!(faults[0].message.contains(said), "{}", faults[0]);
    }
    let text = "{{ range(end=3) }} {{ range(start=5, end=1, step_by=-2) }} {{ range(end=100000 - 5) | length }}";
    let text = Text::named("t".to_owned(), text.to_owned());
    for _ in 0..2 {
        assert_eq!(text.render(&json!({}), "variables").unwrap(), "[0, 1, 2] [5, 3] 99995");
    }
}

#[test]
fn every_unknown_variable_is_found_also_in_a_branch_that_is_not_taken() {
    let text = "host {{ hostname }}\n{% if false %}\n\t{{ hostnme }} {{ x.zone }}\n{% endif %}\n";
    assert_eq!(
        faults(text, SCRIPT),
        [
            "ddns.tera:3:5: template `ddns.tera` uses `hostnme`, which `Script` does not have\n\
             3 | \t{{ hostnme }} {{ x.zone }}\n  | \t   ^\n\
             hint: did you mean `hostname`?",
            "ddns.tera:3:19: template `ddns.tera` uses `x`, which `Script` does not have\n\
             3 | \t{{ hostnme }} {{ x.zone }}\n  | \t                 ^\n\
             hint: known are `hostname`, `servers`, `ttl`",
        ]
    );
}

#[test]
fn the_place_of_a_variable_is_not_that_of_a_word_like_it() {
    let text = "zone {{ hostname }}{{ \"zone\" }}{{ hostname | replace(from=\"a\", to=zone) }}";
    assert!(faults(text, SCRIPT)[0].starts_with("ddns.tera:1:67: "), "{:?}", faults(text, SCRIPT));
}

#[test]
fn a_mistake_in_the_template_is_shown_with_its_line() {
    assert_eq!(
        faults("a\n{% if ttl %}\nb\n", SCRIPT),
        ["ddns.tera:2:13: template `ddns.tera`: unexpected end of input\n2 | {% if ttl %}\n  |             ^"]
    );
    assert_eq!(
        faults("a\n  {{ hostname.first }}\n", SCRIPT),
        [
            "ddns.tera:2:15: template `ddns.tera`: field `first` is not defined\n2 |   {{ hostname.first }}\n  |               ^"
        ]
    );
}

#[test]
fn every_unknown_filter_test_and_function_is_told_with_what_is_known() {
    let text = "é {{ hostname | uper }}\n{% if ttl is evn %}{{ rang(end=3) }}{% endif %}{{ ttl | nope }}{{ x() }}";
    insta::assert_snapshot!(faults(text, SCRIPT).join("\n"), @"
    ddns.tera:1:17: template `ddns.tera`: unknown filter `uper`
    1 | é {{ hostname | uper }}
      |                 ^
    hint: did you mean `upper`?
    ddns.tera:2:14: template `ddns.tera`: unknown test `evn`
    2 | {% if ttl is evn %}{{ rang(end=3) }}{% endif %}{{ ttl | nope }}{{ x() }}
      |              ^
    hint: did you mean `even`?
    ddns.tera:2:23: template `ddns.tera`: unknown function `rang`
    2 | {% if ttl is evn %}{{ rang(end=3) }}{% endif %}{{ ttl | nope }}{{ x() }}
      |                       ^
    hint: did you mean `range`?
    ddns.tera:2:57: template `ddns.tera`: unknown filter `nope`
    2 | {% if ttl is evn %}{{ rang(end=3) }}{% endif %}{{ ttl | nope }}{{ x() }}
      |                                                         ^
    hint: known are `abs`, `capitalize`, `default`, `escape`, `escape_html`, `escape_xml`, `first`, `float`, `get`, `group_by`, `indent`, `int`, `join`, `json`, `keys`, `last`, `length`, `lower`, `newlines_to_br`, `nth`, `pairs`, `pluralize`, `replace`, `reverse`, `round`, `safe`, `sh`, `sort`, `split`, `str`, `title`, `trim`, `trim_end`, `trim_start`, `truncate`, `unique`, `upper`, `values`, `wordcount`
    ddns.tera:2:67: template `ddns.tera`: unknown function `x`
    2 | {% if ttl is evn %}{{ rang(end=3) }}{% endif %}{{ ttl | nope }}{{ x() }}
      |                                                                   ^
    hint: known are `range`, `throw`
    ");
}

#[test]
fn every_word_that_hints_name_is_one() {
    let mut tera = super::engine();
    for (sort, words) in crate::resources::rendering::WORDS {
        for word in words.split(' ') {
            let text = match sort {
                "filter" => format!("{{{{ 1 | {word} }}}}"),
                "test" => format!("{{{{ 1 is {word} }}}}"),
                _ => format!("{{{{ {word}() }}}}"),
            };
            assert!(tera.add_raw_template("x", &text).is_ok(), "{sort} {word}");
        }
    }
}

#[test]
fn a_secret_is_not_printed_as_a_placeholder() {
    #[derive(Serialize)]
    struct Key {
        tsig: Inner,
    }
    #[derive(Serialize)]
    struct Inner {
        secret: Secret,
    }
    let key = Key { tsig: Inner { secret: "canary".into() } };
    assert_eq!(
        faults("{{ tsig.secret }}", key),
        ["template `ddns.tera`: variable `tsig.secret` is a secret, which prints as `(secret)`\n\
          hint: give its text, `.expose()`, and declare the template `sensitive`"]
    );
}

#[test]
fn variables_must_be_named() {
    assert_eq!(faults("x", 7), ["template `ddns.tera`: its variables are no struct or map: i64"]);
}

#[test]
fn a_source_is_parsed_once() {
    static SOURCE: Source<Script> = Source::new("a", "{{ hostname }}");
    let parsed = || std::ptr::from_ref(SOURCE.text.parsed().unwrap());
    let first = parsed();
    Template::render("/x", &SOURCE, SCRIPT).unwrap();
    assert_eq!(parsed(), first);
}

#[test]
fn data_gives_the_text_and_the_variables_and_what_every_file_has() {
    let mut template = Template::with_name("/etc/motd");
    assert_eq!(template.check()[0].message, "it has no source");
    template.set("source", &json!("{{ greeting }} {{ nam }}\n")).unwrap();
    template.set("variables", &json!({"greeting": "hello", "name": "web1"})).unwrap();
    template.set("mode", &json!("0600")).unwrap();
    let faults: Vec<_> = template.check().iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        ["source:1:19: template `source` uses `nam`, which `variables` does not have\n\
          1 | {{ greeting }} {{ nam }}\n  |                   ^\nhint: did you mean `name`?"]
    );
    assert_eq!(template.file.mode, Some(0o600.into()));
    let names: Vec<_> = Template::PROPERTIES.iter().map(|property| property.name).collect();
    assert_eq!(
        names,
        [
            "source",
            "variables",
            "mode",
            "owner",
            "group",
            "checksum",
            "backup",
            "verify",
            "manage_symlink_source",
            "force_unlink"
        ]
    );
    assert_eq!(template.set("moed", &json!("0600")), Err("no property `moed`; did you mean `mode`?".to_owned()));
}
