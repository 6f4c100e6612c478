"""A truth table by hand: sentences of interfaces.md, each with what it must come to."""

import ipaddress
import json
import random
import unittest

import generate
import model

K = [public for public, _ in generate.KEYS]
FIDO, FIDO2, FIDO3, FIDO_OLD, FIDO_GLASS = K[0], K[1], K[2], K[3], K[4]
JOB, JOB2 = K[7], K[8]
PIV, CUSTOMER_KEY, BETA_KEY = K[10], K[11], K[12]
STRANGER = generate.UNKNOWN_KEYS[0]

POLICY = """
schema = 1
serial = 1
operator = "Example Hosting GmbH"
expires = 2027-02-28T00:00:00Z

[token]
assurance = "declared"

[admin]
groups = ["adm-web"]
exempt-services = ["backup-agent"]

[networks]
office = ["203.0.113.0/28", "2001:db8:10::/48"]
next = ["203.0.113.16/28", "198.51.100.7"]
backup = ["203.0.113.77"]

[[person]]
id = "anna"
name = "Anna"
role = "managing director"
party = "operator"

[[person]]
id = "bert"
name = "Bert"
role = "administrator"
party = "operator"
valid-until = 2026-12-31

[[person]]
id = "carl"
name = "Carl"
role = "agency"
party = "customer:acme"

[[person]]
id = "dora"
name = "Dora"
role = "nothing yet"
party = "operator"

[[key]]
person = "anna"
label = "blue"
public = "{FIDO} a comment"
proof = "fido"

[[key]]
person = "anna"
label = "old"
public = "{FIDO_OLD}"
proof = "fido"
valid-until = 2026-10-31

[[key]]
person = "anna"
label = "glass"
public = "{FIDO_GLASS}"
proof = "fido"
break-glass = true

[[key]]
person = "anna"
label = "blue-piv"
public = "{PIV}"
proof = "piv"

[[key]]
person = "bert"
label = "blue"
public = "{FIDO2}"
proof = "fido"

[[key]]
person = "carl"
label = "laptop"
public = "{CUSTOMER_KEY}"
proof = "none"

[[grant]]
id = "admins"
persons = ["anna", "bert"]
accounts = ["root"]
hosts = ["*"]
services = ["sshd", "login", "su", "sudo"]
from = ["office"]
via = ["{person}"]

[[grant]]
id = "more"
persons = ["anna"]
accounts = ["root", "deploy"]
hosts = ["web?.example.net"]
services = ["sshd"]
from = ["next"]

[[grant]]
id = "own"
persons = ["anna", "bert"]
accounts = ["{person}"]
classes = ["shared-hosting"]
services = ["sshd"]
from = ["office"]

[[grant]]
id = "acme"
persons = ["carl"]
accounts = ["root"]
hosts = ["root*", "web1.example.net"]
services = ["sshd"]
from = ["office"]

[[grant]]
id = "keyless"
persons = ["dora"]
accounts = ["www"]
hosts = ["*"]
services = ["sshd"]
from = ["office"]

[[machine]]
id = "nightly-backup"
owner = "anna"
public = "{JOB}"
accounts = ["root"]
hosts = ["*"]
from = ["backup"]
command = '/usr/bin/rrsync -ro "/a b"'
reason = "nightly pull backup"
until = 2027-01-31

[[machine]]
id = "free"
owner = "anna"
public = "{JOB2}"
accounts = ["root"]
hosts = ["backup1"]
from = ["backup"]
unrestricted = true
reason = "test"

[[machine]]
id = "icinga"
owner = "anna"
via = ["nagios"]
accounts = ["root"]
hosts = ["*"]
reason = "checks that read as root"

[[host]]
match = ["root7.example.net"]
class = "root-host"
customers = ["acme"]

[[host]]
match = ["web*"]
class = "shared-hosting"

[[host]]
match = ["root*"]
class = "physical"
customers = ["beta"]
"""
for name in ["FIDO", "FIDO2", "FIDO_OLD", "FIDO_GLASS", "JOB", "JOB2", "PIV", "CUSTOMER_KEY"]:
    POLICY = POLICY.replace("{%s}" % name, globals()[name])
DECLARED = model.load(POLICY)
ATTESTED = model.load(POLICY.replace('"declared"', '"attested"'))
DEFAULT = model.load(POLICY.replace('assurance = "declared"', ""))

NOT_GOVERNED, DENY, ALLOW = "not-governed", "deny", "allow"


def ask(policy=DECLARED, revoked=(), **fields):
    """sshd's session of anna as root from the office, but for the fields given."""
    request = {"service": "sshd", "account": "root", "uid": 0, "from": "203.0.113.5", "key": FIDO,
               "host": "web1.example.net", "at": "2026-11-23T10:00:00Z"}
    request.update({name.rstrip("_"): value for name, value in fields.items()})
    return model.decide_line(policy, json.dumps(request), revoked)


class Case(unittest.TestCase):
    def check(self, verdict, reason, *who, **fields):
        answer = ask(**fields)
        self.assertEqual((answer.get("verdict"), answer.get("reason")), (verdict, reason))
        shown = tuple(answer[name] for name in ["person", "key_label", "grant", "machine"])
        self.assertEqual(shown, who or (None, None, None, None))

    def local(self, verdict, reason, *who, **fields):
        self.check(verdict, reason, *who, **dict({"from_": None}, **fields))


class Rule1(Case):
    def test_caller_is_root(self):
        self.local(NOT_GOVERNED, "caller-is-root", service="su", invoker_uid=0)

    def test_caller_is_root_sudo_i(self):
        self.local(NOT_GOVERNED, "caller-is-root", service="sudo-i", invoker_uid=0)

    def test_caller_is_root_by_name_only(self):
        self.local(DENY, "no-grant", service="su", invoker="root")

    def test_caller_is_root_with_address(self):
        self.check(DENY, "no-grant", service="su", invoker_uid=0, invoker="root")

    def test_caller_is_root_with_bad_address(self):
        self.check(DENY, "no-grant", service="su", invoker_uid=0, from_="localhost")

    def test_caller_is_root_login(self):
        self.local(ALLOW, "granted", "anna", "blue", "admins", None, service="login",
                   invoker_uid=0)

    def test_exempt(self):
        self.local(NOT_GOVERNED, "service-exempt", service="cron", phase="account")

    def test_exempt_listed(self):
        self.local(NOT_GOVERNED, "service-exempt", service="backup-agent", phase="account")

    def test_exempt_empty_address_is_absent(self):
        self.check(NOT_GOVERNED, "service-exempt", service="cron", phase="account", from_="")

    def test_exempt_with_address(self):
        self.check(DENY, "no-grant", service="cron", phase="account")

    def test_ordinary_account(self):
        self.check(NOT_GOVERNED, "account-not-governed", account="customer1", uid=2000)

    def test_account_by_name(self):
        self.check(ALLOW, "granted", "anna", "blue", "admins", None, uid=None)

    def test_uid_0_by_another_name(self):
        self.check(DENY, "no-grant", account="toor")

    def test_built_in_group(self):
        self.check(DENY, "no-grant", account="x", uid=7, groups=["users", "docker"])

    def test_listed_group(self):
        self.check(DENY, "no-grant", account="x", uid=7, groups=["adm-web"])

    def test_other_group(self):
        self.check(NOT_GOVERNED, "account-not-governed", account="x", uid=7, groups=["Sudo"])

    def test_account_of_grant_elsewhere(self):
        self.check(NOT_GOVERNED, "account-not-governed", account="deploy", uid=7,
                   host="web10.example.net")

    def test_person_account(self):
        self.check(DENY, "no-grant", account="bert", uid=7)
        self.check(NOT_GOVERNED, "account-not-governed", account="bert", uid=7, host="backup1")
        self.check(NOT_GOVERNED, "account-not-governed", account="{person}", uid=7)

    def test_null_account_ordinary_invoker(self):
        self.local(NOT_GOVERNED, "account-not-governed", service="sudo", phase="auth",
                   account=None, uid=None, invoker="customer1")

    def test_null_account_via(self):
        self.local(ALLOW, "granted", "anna", "blue", "admins", None, service="sudo", phase="auth",
                   account=None, uid=None, invoker="anna")

    def test_null_account_via_of_machine(self):
        self.local(NOT_GOVERNED, "account-not-governed", service="sudo", phase="auth",
                   account=None, uid=None, invoker="nagios")

    def test_null_account_admin_group(self):
        self.local(DENY, "no-grant", service="sudo-i", phase="auth", account=None, uid=None,
                   invoker="x", invoker_groups=["sudo"])


class Rule2(Case):
    def test_expires(self):
        self.check(ALLOW, "granted", "anna", "blue", "admins", None, at="2027-02-27T23:59:59Z")
        self.check(DENY, "policy-expired", at="2027-02-28T00:00:00Z")
        self.check(DENY, "policy-expired", at="2027-02-28T01:00:00+01:00")

    def test_break_glass(self):
        self.check(ALLOW, "granted", "anna", "glass", "admins", None, key=FIDO_GLASS,
                   at="2027-03-01T00:00:00Z")

    def test_break_glass_reason_is_the_rules(self):
        self.check(DENY, "policy-expired", key=FIDO_GLASS, from_="192.0.2.1",
                   at="2027-03-01T00:00:00Z")
        self.check(DENY, "policy-expired", policy=ATTESTED, key=FIDO_GLASS,
                   at="2027-03-01T00:00:00Z")

    def test_break_glass_no_machine(self):
        self.local(DENY, "policy-expired", service="sudo", invoker="nagios", key=None,
                   at="2027-03-01T00:00:00Z")

    def test_break_glass_account(self):
        self.check(ALLOW, "granted", phase="account", key=None, at="2027-03-01T00:00:00Z")

    def test_ordinary_users_never_touched(self):
        self.check(NOT_GOVERNED, "account-not-governed", account="customer1", uid=2000,
                   at="1970-01-01T00:00:00Z")

    def test_clock(self):
        self.check(DENY, "clock-implausible", at="1979-12-31T23:59:59Z")
        self.check(DENY, "clock-implausible", at="1980-01-01T00:30:00+01:00")
        self.check(ALLOW, "granted", "anna", "blue", "admins", None, at="1980-01-01T00:00:00Z")
        self.check(DENY, "policy-expired", at="2099-12-31T23:59:59Z")
        self.check(DENY, "clock-implausible", at="2101-01-01T00:00:00Z")


class Rule3(Case):
    def test_service_none_of_the_four(self):
        self.check(DENY, "no-grant", service="vsftpd", phase="account", key=None)

    def test_via(self):
        for service in ["su", "su-l", "sudo", "sudo-i"]:
            self.local(ALLOW, "granted", "anna", "blue", "admins", None, service=service,
                       invoker="anna")
            self.local(DENY, "no-grant", service=service, invoker="bert")
            self.local(DENY, "no-grant", service=service, invoker=None)

    def test_via_is_not_for_login(self):
        self.local(ALLOW, "granted", "anna", "blue", "admins", None, service="login",
                   invoker="customer1")

    def test_sudo_machine(self):
        for service in ["sudo", "sudo-i"]:
            self.local(ALLOW, "granted", None, None, None, "icinga", service=service, key=None,
                       invoker="nagios")
        self.local(DENY, "no-grant", service="su", key=None, invoker="nagios")
        self.local(DENY, "no-grant", service="sudo", key=None, invoker="www")

    def test_key_machine_is_for_sshd(self):
        self.check(ALLOW, "granted", None, None, None, "nightly-backup", key=JOB,
                   from_="203.0.113.77")
        self.local(DENY, "no-grant", key=JOB, service="login")

    def test_person_account_is_the_persons(self):
        self.check(ALLOW, "granted", "bert", "blue", "own", None, key=FIDO2, account="bert")
        self.check(DENY, "no-grant", key=FIDO, account="bert")

    def test_class_of_the_first_host_entry(self):
        self.check(NOT_GOVERNED, "account-not-governed", account="anna", uid=7,
                   host="root7.example.net")

    def test_globs(self):
        for host in ["WEB1.EXAMPLE.NET", "web2.example.net"]:
            self.check(ALLOW, "granted", "anna", "blue", "more", None, account="deploy", uid=7,
                       host=host, from_="198.51.100.7")
        for host in ["web10.example.net", "web.example.net", "web1.example.net.",
                     "web1xexample.net", "xweb1.example.net"]:
            self.check(NOT_GOVERNED, "account-not-governed", account="deploy", uid=7, host=host)


class Rule4(Case):
    def test_key_missing(self):
        self.check(DENY, "key-missing", key=None)
        self.check(DENY, "key-missing", key="")
        self.check(DENY, "key-missing", key=None, phase="offer")

    def test_key_unknown(self):
        kind, blob = FIDO.split()[:2]
        for key in [STRANGER, "garbage", kind, "ssh-ed25519 " + blob, kind + " AAAA"]:
            self.check(DENY, "key-unknown", key=key)

    def test_comment_ignored(self):
        self.check(ALLOW, "granted", "anna", "blue", "admins", None, key=FIDO + " other words")

    def test_in_no_candidate(self):
        self.check(DENY, "no-grant", key=CUSTOMER_KEY, host="web2.example.net")
        self.check(DENY, "no-grant", key=JOB2)

    def test_account_phase_no_key(self):
        self.check(DENY, "key-unknown", phase="account", account="www", uid=33, key=None)

    def test_account_phase_names_nobody(self):
        self.check(ALLOW, "granted", phase="account", key=None)
        self.check(ALLOW, "granted", phase="account", key=STRANGER)

    def test_sudo_machine_with_a_key(self):
        self.local(DENY, "key-unknown", service="sudo", invoker="nagios", key=STRANGER)
        self.local(DENY, "no-grant", service="sudo", invoker="nagios", key=FIDO)


class Rule5(Case):
    def test_revoked(self):
        self.check(DENY, "key-revoked", revoked=[FIDO + " lost"])
        self.check(ALLOW, "granted", "anna", "blue", "admins", None, revoked=[FIDO2])
        self.check(DENY, "key-revoked", key=JOB, from_="203.0.113.77", revoked=[JOB])

    def test_person(self):
        bert = ("bert", "blue", "admins", None)
        self.check(ALLOW, "granted", *bert, key=FIDO2, at="2026-12-31T23:59:59Z")
        self.check(DENY, "person-expired", key=FIDO2, at="2027-01-01T00:00:00Z")
        self.check(ALLOW, "granted", *bert, key=FIDO2, at="2027-01-01T00:30:00+01:00")
        self.check(DENY, "person-expired", key=FIDO2, at="2026-12-31T23:30:00-01:00")

    def test_key(self):
        self.check(DENY, "key-expired", key=FIDO_OLD)

    def test_machine(self):
        self.check(DENY, "key-expired", key=JOB, from_="203.0.113.77", at="2027-02-01T00:00:00Z")

    def test_before_rule_7(self):
        self.check(DENY, "key-expired", key=FIDO_OLD, from_="192.0.2.1")


class Rule6(Case):
    def test_customer(self):
        self.check(ALLOW, "granted", "carl", "laptop", "acme", None, key=CUSTOMER_KEY,
                   host="root7.example.net")
        self.check(DENY, "wrong-customer", key=CUSTOMER_KEY, host="root8.example.net")
        self.check(DENY, "wrong-customer", key=CUSTOMER_KEY, host="web1.example.net")
        self.check(DENY, "wrong-customer", key=CUSTOMER_KEY, host="root8", from_="192.0.2.1")


class Rule7(Case):
    def test_networks(self):
        for address in ["203.0.113.0", "203.0.113.15", "2001:db8:10::1", "2001:DB8:10:ffff::",
                        "::ffff:203.0.113.5", "::FFFF:cb00:7105"]:
            self.check(ALLOW, "granted", "anna", "blue", "admins", None, from_=address,
                       host="backup1")
        for address in ["203.0.113.16", "203.0.112.255", "2001:db8:11::", "::203.0.113.5",
                        "::ffff:203.0.113.16"]:
            self.check(DENY, "address-not-allowed", from_=address, host="backup1")

    def test_no_address(self):
        for address in ["203.0.113.05", "::ffff:203.0.113.05", "fe80::1%eth0", "2001:db8:10::1%1",
                        "office.example.net", "203.0.113.5/32", " 203.0.113.5", "", None]:
            self.check(DENY, "address-unknown", from_=address)

    def test_second_grant(self):
        self.check(ALLOW, "granted", "anna", "blue", "more", None, from_="203.0.113.16")

    def test_local_console_has_none(self):
        self.local(ALLOW, "granted", "anna", "blue", "admins", None, service="login")
        self.check(DENY, "address-not-allowed", service="login", from_="192.0.2.1")
        self.check(DENY, "address-unknown", service="login", from_="localhost")

    def test_sudo_machine_with_address(self):
        self.check(DENY, "address-not-allowed", service="sudo", key=None, invoker="nagios")

    def test_not_in_offer(self):
        self.local(ALLOW, "granted", "anna", "blue", "admins", None, phase="offer")
        self.check(ALLOW, "granted", "anna", "blue", "admins", None, phase="offer",
                   from_="192.0.2.1")


class Rule8(Case):
    def test_attested(self):
        for policy in [ATTESTED, DEFAULT]:
            self.check(DENY, "pin-not-proven", policy=policy)
            self.check(DENY, "pin-not-proven", policy=policy, key=PIV)
            self.check(DENY, "address-not-allowed", policy=policy, from_="192.0.2.1")

    def test_others_pass(self):
        self.check(ALLOW, "granted", "carl", "laptop", "acme", None, policy=ATTESTED,
                   key=CUSTOMER_KEY, host="root7.example.net")
        self.check(ALLOW, "granted", None, None, None, "nightly-backup", policy=ATTESTED, key=JOB,
                   from_="203.0.113.77")

    def test_account(self):
        self.check(DENY, "pin-not-proven", policy=ATTESTED, phase="account", key=None)
        self.check(ALLOW, "granted", policy=ATTESTED, phase="account", key=None,
                   host="root7.example.net")


class Line(unittest.TestCase):
    def line(self, **fields):
        return ask(**dict({"phase": "offer", "want_line": True, "from_": None}, **fields))["line"]

    def test_person(self):
        self.assertEqual(self.line(), 'verify-required,from="198.51.100.7,203.0.113.0/27,'
                         '2001:db8:10::/48",expiry-time="20270228000000Z" '
                         + FIDO + " tom:anna:blue")

    def test_one_grant(self):
        self.assertEqual(self.line(host="backup1"), 'verify-required,from="203.0.113.0/28,'
                         '2001:db8:10::/48",expiry-time="20270228000000Z" '
                         + FIDO + " tom:anna:blue")

    def test_person_ends_first(self):
        self.assertEqual(self.line(key=FIDO2, host="backup1"), 'verify-required,'
                         'from="203.0.113.0/28,2001:db8:10::/48",expiry-time="20261231235959Z" '
                         + FIDO2 + " tom:bert:blue")

    def test_break_glass_key(self):
        self.assertEqual(self.line(key=FIDO_GLASS, host="backup1"), 'verify-required,'
                         'from="203.0.113.0/28,2001:db8:10::/48" ' + FIDO_GLASS
                         + " tom:anna:glass")

    def test_piv(self):
        self.assertEqual(self.line(key=PIV, host="backup1"), 'from="203.0.113.0/28,'
                         '2001:db8:10::/48",expiry-time="20270228000000Z" '
                         + PIV + " tom:anna:blue-piv")

    def test_machine(self):
        self.assertEqual(self.line(key=JOB), 'restrict,command="/usr/bin/rrsync -ro \\"/a b\\"",'
                         'from="203.0.113.77",expiry-time="20270131235959Z" '
                         + JOB + " tom:nightly-backup")

    def test_unrestricted_machine(self):
        self.assertEqual(self.line(key=JOB2, host="backup1"), 'from="203.0.113.77",'
                         'expiry-time="20270228000000Z" ' + JOB2 + " tom:free")

    def test_null_unless_allowed(self):
        self.assertIsNone(self.line(key=STRANGER))
        self.assertIsNone(self.line(account="customer1", uid=2000))

    def test_in_offer_only_and_when_wanted(self):
        self.assertNotIn("line", ask(want_line=True))
        self.assertNotIn("line", ask(phase="offer"))


class Malformed(unittest.TestCase):
    def test_error(self):
        policy = DECLARED
        for line in ['{}', '{"service":"sshd"}', '{"account":"root"}', "[]", "x",
                     '{"service":"sshd","account":null}',
                     '{"service":"su","account":null,"phase":"auth"}',
                     '{"service":"sudo","account":null,"phase":"session"}',
                     '{"service":"sshd","account":"root","uid":"0"}',
                     '{"service":"sshd","account":"root","colour":null}',
                     '{"service":"sshd","account":"root","account":"root"}',
                     '{"service":"sshd","account":"root","at":"2026-11-23T10:00:00"}']:
            self.assertEqual(list(model.decide_line(policy, line)), ["error"], line)

    def test_six_fields(self):
        self.assertEqual(set(ask()), {"verdict", "reason", "person", "key_label", "grant",
                                      "machine"})


class Generator(unittest.TestCase):
    """Generated policies have none of the load errors."""

    def test_policies_are_valid(self):
        for seed in range(300):
            text = generate.policy_text(random.Random(seed))
            with self.subTest(seed=seed):
                self.valid(model.load(text))

    def unique(self, words):
        words = list(words)
        self.assertEqual(len(words), len(set(words)))

    def no_empty_list(self, item):
        for value in item.values():
            self.assertNotEqual(value, [])

    def valid(self, policy):
        self.assertEqual(policy["schema"], 1)
        persons = {p["id"]: p for p in policy["person"]}
        listed = [c for host in policy["host"] for c in host.get("customers", [])]
        for section in ["person", "machine", "grant"]:
            self.unique(item["id"] for item in policy[section])
        self.unique((k["person"], k["label"]) for k in policy["key"])
        self.unique(model.type_and_blob(text) for text in generate.key_texts(policy))
        self.assertNotIn(None, [model.type_and_blob(t) for t in generate.key_texts(policy)])
        for item in policy["host"] + policy["grant"] + policy["machine"] + [policy["networks"]]:
            self.no_empty_list(item)
        for texts in policy["networks"].values():
            for text in texts:
                ipaddress.ip_network(text, strict=True)
        for person in policy["person"]:
            self.assertLessEqual({"id", "name", "role", "party"}, set(person))
            if person["party"] != "operator":
                self.assertIn(person["party"].removeprefix("customer:"), listed)
        for key in policy["key"]:
            fido = key["public"].startswith("sk-")
            self.assertIn(key["proof"], ["none", "fido" if fido else "piv"])
            if persons[key["person"]]["party"] == "operator":
                self.assertNotEqual(key["proof"], "none")
        for grant in policy["grant"]:
            self.assertLessEqual({"id", "persons", "accounts", "services"}, set(grant))
            self.assertTrue("from" in grant or "sshd" not in grant["services"])
            self.assertLessEqual(set(grant["services"]), {"sshd", "login", "su", "sudo"})
            self.assertLessEqual(set(grant["persons"]), set(persons))
        for machine in policy["machine"]:
            self.assertLessEqual({"id", "owner", "accounts", "reason"}, set(machine))
            self.assertIn(machine["owner"], persons)
            if "public" in machine:
                self.assertNotIn("via", machine)
                self.assertIn("from", machine)
                self.assertNotEqual("command" in machine, "unrestricted" in machine)
                for word in machine.get("command", "").split():
                    self.assertNotIn(word.split("/")[-1], ["sh", "bash", "env", "su", "sudo"])
            else:
                self.assertIn("via", machine)
                self.assertEqual({"from", "command", "unrestricted"} & set(machine), set())
        for item in policy["grant"] + policy["machine"]:
            self.assertTrue("hosts" in item or "classes" in item)
            for name in item.get("from", []):
                self.assertIn(name, policy["networks"])
        for service in policy["admin"].get("exempt-services", []):
            self.assertNotIn(service, ["sshd", "login", "su", "su-l", "sudo", "sudo-i"])


if __name__ == "__main__":
    unittest.main()
