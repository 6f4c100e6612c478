//! A host on which nothing is wrong: `tom doctor` complains of nothing.

#![allow(clippy::indexing_slicing, reason = "a test says what it expects")]

use tom_tests::examined::{Examined, sound};
use tom_tests::on_each_release;

on_each_release! {
fn nothing_is_wrong(release) {
    let host = sound(release).start();
    for look in ["first", "second"] {
        let examined = Examined::of(&host);
        assert_eq!(examined.document["findings"], serde_json::json!([]), "{look} look");
        assert_eq!(examined.document["unknown"], serde_json::json!([]), "{look} look");
        assert_eq!(examined.status, Some(0));
        assert_eq!(examined.document["mode"], "enforce");
    }
    let text = host.run(["tom", "doctor"]).expect_success();
    assert!(text.stdout.starts_with("web1.example.net: ENFORCING"), "{}", text.stdout);
    assert!(text.stdout.ends_with("Nothing is wrong.\n"), "{}", text.stdout);
    let nagios = host.run(["tom", "doctor", "--format", "nagios"]).expect_success();
    assert!(nagios.stdout.starts_with("TOM OK: enforcing; nothing is wrong | critical=0;;0 "), "{}", nagios.stdout);
}
}
