//! A sound policy, and what can be wrong with one.

/// A sound policy; cases are written where a line begins with `#`.
pub(crate) const BASE: &str = r#"schema = 1
serial = 7
operator = "Example Hosting GmbH"
# top
[token]
assurance = "declared"
# token
[admin]
groups = []
# admin
[networks]
office = ["203.0.113.0/28"]
# networks
[[host]]
match = ["root7.example.net"]
class = "root-host"
customers = ["acme"]
[[person]]
id = "anna"
name = "Anna Beispiel"
role = "managing director"
party = "operator"
[[person]]
id = "max"
name = "Max Kunde"
role = "agency"
party = "customer:acme"
[[key]]
person = "anna"
label = "blue"
public = "TOKEN(anna-blue)"
proof = "fido"
evidence = { attestation = "blue.attest", challenge = "blue.challenge" }
[[grant]]
id = "admins"
persons = ["anna"]
accounts = ["root"]
hosts = ["*"]
services = ["sshd"]
from = ["office"]
[[machine]]
id = "backup"
owner = "anna"
public = "FILE-KEY(backup)"
accounts = ["root"]
hosts = ["*"]
from = ["office"]
command = "/usr/bin/rrsync -ro /"
reason = "backup"
# end
"#;

/// Where it is written, what (the error is at `@`), and what the message must say.
pub(crate) type Case = (&'static str, &'static str, &'static str);

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let top = [
        ("top", "@colour = \"red\"\n", "has no key 'colour'"),
        ("top", "expires = @2027-02-28\n", "not a date-time with offset"),
        ("top", "x = 1.2@.3\n", "not TOML"),
        ("token", "minimum-firmware = @\"new\"\n", "no firmware version"),
        ("token", "@pin = true\n", "[token] has no key 'pin'"),
        ("admin", "exempt-services = [\"backup-agent\", @\"sudo\"]\n", "can never be exempt"),
        ("networks", "bits = [\"192.0.2.1\", @\"203.0.113.1/28\"]\n", "host bits set"),
        ("networks", "v6bits = [@\"2001:db8::1/64\"]\n", "host bits set"),
        ("networks", "name = [@\"vpn.example.net\"]\n", "neither an address nor a network"),
        ("networks", "zeros = [@\"203.0.113.05\"]\n", "neither an address nor a network"),
        ("networks", "zone = [@\"fe80::1%eth0\"]\n", "neither an address nor a network"),
        ("networks", "comma = [@\"203.0.113.5,\"]\n", "neither an address nor a network"),
        ("networks", "long = [@\"203.0.113.0/33\"]\n", "from 0 to 32"),
        ("networks", "none = @[]\n", "empty list"),
        ("networks", "text = @\"203.0.113.0/28\"\n", "not a list"),
    ];
    let persons = [
        (
            "end",
            "[[person]]\nid = @\"anna\"\nname = \"X\"\nrole = \"x\"\nparty = \"operator\"\n",
            "'anna' is defined twice",
        ),
        (
            "end",
            "[[person]]\nid = @\"Anna\"\nname = \"X\"\nrole = \"x\"\nparty = \"operator\"\n",
            "person 'Anna' must be",
        ),
        ("end", "@[[person]]\nid = \"p1\"\nrole = \"x\"\nparty = \"operator\"\n", "lacks the key 'name'"),
        ("end", "[[person]]\nid = \"p2\"\nname = @7\nrole = \"x\"\nparty = \"operator\"\n", "not a string"),
        (
            "end",
            "[[person]]\nid = \"p3\"\nname = \"X\"\nrole = \"x\"\nparty = @\"customer:nobody\"\n",
            "no [[host]] lists",
        ),
        (
            "end",
            "[[person]]\nid = \"p4\"\nname = \"X\"\nrole = \"x\"\nparty = \"operator\"\nvalid-until = @2027-12-31T00:00:00Z\n",
            "not a date without time",
        ),
        ("end", "[[person]]\nid = \"p5\"\nname = @\"X\\u202e\"\nrole = \"x\"\nparty = \"operator\"\n", "invisible"),
        ("end", "[[person]]\nid = \"p6\"\nname = @\"X\\nY\"\nrole = \"x\"\nparty = \"operator\"\n", "control"),
    ];
    let keys = [
        ("end", "[[key]]\nperson = \"anna\"\nlabel = @\"blue\"\npublic = \"TOKEN(k1)\"\nproof = \"fido\"\n", "blue"),
        (
            "end",
            "[[key]]\nperson = \"anna\"\nlabel = \"k2\"\npublic = @\"TOKEN(anna-blue)\"\nproof = \"fido\"\n",
            "public key",
        ),
        (
            "end",
            "[[key]]\nperson = \"anna\"\nlabel = \"k3\"\npublic = @\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==\"\nproof = \"piv\"\n",
            "damaged blob",
        ),
        (
            "end",
            "[[key]]\nperson = \"anna\"\nlabel = \"k4\"\npublic = @\"ssh-rsa OTHER(k4)\"\nproof = \"piv\"\n",
            "its blob is of type",
        ),
        (
            "end",
            "[[key]]\nperson = \"anna\"\nlabel = \"k5\"\npublic = @\"ssh-dss AAAAB3NzaC1kc3M=\"\nproof = \"piv\"\n",
            "cannot be used",
        ),
        (
            "end",
            "[[key]]\nperson = \"anna\"\nlabel = \"k6\"\npublic = \"ECDSA-FILE-KEY(k6)\"\nproof = @\"fido\"\n",
            "fido",
        ),
        ("end", "[[key]]\nperson = \"anna\"\nlabel = \"k7\"\npublic = \"TOKEN(k7)\"\nproof = @\"piv\"\n", "piv"),
        (
            "end",
            "[[key]]\nperson = \"anna\"\nlabel = \"k8\"\npublic = \"FILE-KEY(k8)\"\nproof = @\"none\"\n",
            "has no proof",
        ),
        (
            "end",
            "[[key]]\nperson = @\"zoe\"\nlabel = \"k9\"\npublic = \"TOKEN(k9)\"\nproof = \"fido\"\n",
            "'zoe' is no person",
        ),
        (
            "end",
            "[[key]]\nperson = \"anna\"\nlabel = \"k10\"\npublic = \"TOKEN(k10)\"\nproof = \"fido\"\n\
             evidence = { attestation = \"a\", challenge = @\"blue.challenge\" }\n",
            "challenge",
        ),
    ];
    let grants = [
        (
            "end",
            "[[grant]]\nid = @\"admins\"\npersons = [\"anna\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\nservices = [\"su\"]\n",
            "defined twice",
        ),
        (
            "end",
            "[[grant]]\nid = \"g1\"\npersons = [@\"zoe\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\nservices = [\"su\"]\n",
            "no person",
        ),
        (
            "end",
            "[[grant]]\nid = \"g2\"\npersons = [\"anna\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\nservices = [\"sshd\"]\nfrom = [@\"moon\"]\n",
            "no network",
        ),
        (
            "end",
            "[[grant]]\nid = \"g3\"\npersons = [\"anna\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\nservices = [@\"ftp\"]\n",
            "no service",
        ),
        (
            "end",
            "[[grant]]\nid = \"g4\"\npersons = @[]\naccounts = [\"root\"]\nhosts = [\"*\"]\nservices = [\"su\"]\n",
            "empty list",
        ),
        (
            "end",
            "[[grant]]\nid = \"g5\"\npersons = [\"anna\"]\naccounts = [@\"x-{person}\"]\nhosts = [\"*\"]\nservices = [\"su\"]\n",
            "{person}",
        ),
        ("end", "@[[grant]]\nid = \"g6\"\npersons = [\"anna\"]\naccounts = [\"root\"]\nservices = [\"su\"]\n", "hosts"),
        (
            "end",
            "@[[grant]]\nid = \"g7\"\npersons = [\"anna\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\nservices = [\"sshd\"]\n",
            "lacks the key 'from'",
        ),
        (
            "end",
            "[[grant]]\nid = \"g8\"\npersons = [\"anna\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\nservices = [\"su\"]\n@vias = [\"bert\"]\n",
            "has no key 'vias'",
        ),
    ];
    let machines = [
        (
            "end",
            "[[machine]]\nid = @\"backup\"\nowner = \"anna\"\nvia = [\"nagios\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\nreason = \"x\"\n",
            "defined twice",
        ),
        (
            "end",
            "[[machine]]\nid = \"m1\"\nowner = @\"zoe\"\nvia = [\"nagios\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\nreason = \"x\"\n",
            "no person",
        ),
        (
            "end",
            "[[machine]]\nid = \"m2\"\nowner = \"anna\"\npublic = \"FILE-KEY(m2)\"\naccounts = [\"root\"]\nhosts = [\"*\"]\nfrom = [\"office\"]\nreason = \"x\"\ncommand = @\"/bin/bash -c id\"\n",
            "runs 'bash'",
        ),
        (
            "end",
            "[[machine]]\nid = \"m3\"\nowner = \"anna\"\npublic = \"FILE-KEY(m3)\"\naccounts = [\"root\"]\nhosts = [\"*\"]\nfrom = [\"office\"]\nreason = \"x\"\ncommand = @\"/usr/bin/timeout 5 /usr/bin/env x\"\n",
            "env",
        ),
        (
            "end",
            "[[machine]]\nid = \"m4\"\nowner = \"anna\"\npublic = \"FILE-KEY(m4)\"\naccounts = [\"root\"]\nhosts = [\"*\"]\nfrom = [\"office\"]\nreason = \"x\"\ncommand = @\"rrsync -ro /\"\n",
            "absolute",
        ),
        (
            "end",
            "@[[machine]]\nid = \"m5\"\nowner = \"anna\"\npublic = \"FILE-KEY(m5)\"\naccounts = [\"root\"]\nhosts = [\"*\"]\nfrom = [\"office\"]\nreason = \"x\"\n",
            "command",
        ),
        (
            "end",
            "[[machine]]\nid = \"m6\"\nowner = \"anna\"\npublic = @\"FILE-KEY(backup)\"\naccounts = [\"root\"]\nhosts = [\"*\"]\nfrom = [\"office\"]\nreason = \"x\"\ncommand = \"/usr/bin/x\"\n",
            "public key",
        ),
        ("end", "@[[host]]\nclass = \"x\"\n", "lacks the key 'match'"),
        ("end", "@[[expect]]\naccount = \"root\"\nservice = \"sshd\"\n", "lacks the key 'verdict'"),
        ("end", "[[expect]]\naccount = \"root\"\nservice = \"sshd\"\nverdict = @\"yes\"\n", "no verdict"),
        (
            "end",
            "[[expect]]\naccount = \"root\"\nservice = \"sshd\"\nverdict = \"deny\"\nat = @2027-01-01T00:00:00\n",
            "not a date-time with offset",
        ),
    ];
    top.into_iter().chain(persons).chain(keys).chain(grants).chain(machines).collect()
}
