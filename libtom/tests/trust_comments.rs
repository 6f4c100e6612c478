//! Comments in files of trust anchors: they are shown to people, and written again beside the active policy.
#![allow(clippy::unwrap_used, reason = "a test")]

use libtom::proof::{Trust, TrustFileProblem};
use simulated_token_maker::{Certificate, Extension, Maker, Name, PrivateKey, pem};

fn read(content: &str) -> Result<Trust, TrustFileProblem> {
    let mut trust = Trust::nobody();
    trust.add_file("file", content.as_bytes()).map_err(|error| error.problem)?;
    Ok(trust)
}

fn root(common_name: &str) -> String {
    let key = PrivateKey::derived("a root of another name");
    let mut root = Certificate::new(Name::common(common_name), Name::common(common_name), key.public());
    root.extensions.push(Extension::basic_constraints(true, None));
    pem(&root.signed_by(&key))
}

/// Comments of a downloaded bundle came onto the terminal as they were: `# vendor: ESC[2J` cleared the screen above
/// what `tom evidence check` said of a token.
#[test]
fn a_terminal_obeys_nothing_of_a_comment() {
    let root = Maker::named("m").piv_root_pem();
    for (said, shown) in [("\x1b[2J evil", "?[2J evil"), ("a\rb", "a?b"), ("Ev\u{202e}il", "Ev?il")] {
        assert_eq!(read(&format!("# vendor: {said}\n{root}")).unwrap().anchors().first().unwrap().vendor, shown);
    }
    for (said, shown) in [("piv\x1b[2J", "piv?[2J"), ("pi\u{202e}v", "pi?v")] {
        let problem = read(&format!("# purpose: {said}\n{root}")).unwrap_err();
        assert_eq!(problem, TrustFileProblem::Purpose(shown.to_owned()));
    }
}

/// A vendor that the certificate names is written into a comment, too. One named `-----BEGIN` made a file that tom
/// could not read any more, and with it no trust anchors at all; one with spaces around it came back as another.
#[test]
fn an_anchor_that_was_written_is_read_as_it_was() {
    for (name, vendor) in [
        ("-----BEGIN CERTIFICATE-----", "?BEGIN CERTIFICATE?"),
        ("-----END", "?END"),
        (" Simulated ", "Simulated"),
        ("\u{a0}Simulated\u{3000}", "Simulated"),
        (" ", "unnamed"),
        ("", "unnamed"),
    ] {
        let trust = read(&root(name)).unwrap();
        let anchor = trust.anchors().first().unwrap();
        assert_eq!(anchor.vendor, vendor, "{name:?}");
        let again = read(&anchor.to_pem()).unwrap();
        assert_eq!(again.anchors(), trust.anchors(), "{name:?}");
    }
}

/// A vendor that is left empty is none: the certificate's own counts.
#[test]
fn an_empty_vendor_is_none() {
    let root = Maker::named("m").piv_root_pem();
    let vendor = |line: &str| read(&format!("{line}\n{root}")).unwrap().anchors().first().unwrap().vendor.clone();
    assert_eq!(vendor("# vendor: "), "Simulated PIV Root CA");
    assert_eq!(vendor("# vendor: Another"), "Another");
}
