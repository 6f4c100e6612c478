"""The second model of tom's decision rules.

Written from interfaces.md alone, rule by rule in the order of that document,
as plainly as possible and without a look at the Rust engine. It is slow and
simple on purpose: sets that are narrowed one rule after another.

Quoted sentences in the comments are those of interfaces.md. R1, R2, ... are
the numbers in READINGS.md, where a sentence left something open.

    policy = model.load(text)                   # a policy that is known to be valid
    answer = model.decide(policy, request)      # both plain dicts
    answer = model.decide_line(policy, line)    # the same from a JSON line
"""

import base64
import binascii
import datetime
import functools
import ipaddress
import json
import re
import tomllib

UTC = datetime.timezone.utc

# "built in: root, sudo, docker, lxd, disk, libvirt"
BUILT_IN_GROUPS = ["root", "sudo", "docker", "lxd", "disk", "libvirt"]

# "built in: cron, atd, systemd-user, runuser, runuser-l, chfn, chsh, passwd, chpasswd, newusers"
BUILT_IN_EXEMPT = ["cron", "atd", "systemd-user", "runuser", "runuser-l",
                   "chfn", "chsh", "passwd", "chpasswd", "newusers"]

# "the clock between 1980 and 2100" (R1)
CLOCK_FIRST = datetime.datetime(1980, 1, 1, tzinfo=UTC)
CLOCK_END = datetime.datetime(2100, 1, 1, tzinfo=UTC)


# ---------------------------------------------------------------- the policy

def load(text):
    """A valid policy.toml as it stands, every section present."""
    policy = tomllib.loads(text)
    for section in ["person", "key", "grant", "machine", "host"]:
        policy.setdefault(section, [])
    for section in ["token", "admin", "networks"]:
        policy.setdefault(section, {})
    return policy


def person_of(policy, person_id):
    for person in policy["person"]:
        if person["id"] == person_id:
            return person


# --------------------------------------------------------------- the request

FIELD_TYPES = {
    "phase": str, "service": str, "account": str, "uid": int, "groups": list,
    "from": str, "key": str, "host": str, "at": str, "invoker": str,
    "invoker_uid": int, "invoker_groups": list, "want_line": bool,
}


class Malformed(Exception):
    """The line is answered with an error."""


def parse_line(line):
    """One JSON request; Malformed where `tom decide` answers an error."""

    # "a name twice"
    def once(pairs):
        names = [name for name, _ in pairs]
        if len(names) != len(set(names)):
            raise Malformed("a name twice")
        return dict(pairs)

    try:
        request = json.loads(line, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise Malformed("no JSON") from error
    if not isinstance(request, dict):
        raise Malformed("no object")
    for name, value in request.items():
        # "unknown field"
        if name not in FIELD_TYPES:
            raise Malformed("unknown field")
        # "Wrong type"; "null is absent"
        if value is not None:
            if type(value) is not FIELD_TYPES[name]:
                raise Malformed("wrong type")
            if type(value) is list and any(type(word) is not str for word in value):
                raise Malformed("wrong type")
    # "Only `service` and `account` are required"
    if request.get("service") is None or "account" not in request:
        raise Malformed("service and account are required")
    # "`at` without offset"
    if request.get("at") is not None:
        if datetime.datetime.fromisoformat(request["at"]).tzinfo is None:
            raise Malformed("at without offset")
    # "a null account outside sudo's auth"
    if request["account"] is None:
        if service_of(request) != "sudo" or phase_of(request) != "auth":
            raise Malformed("null account")
    return request


def decide_line(policy, line, revoked=()):
    try:
        request = parse_line(line)
    except Malformed as why:
        return {"error": str(why)}
    return decide(policy, request, revoked)


# "defaults: phase `session`"
def phase_of(request):
    return request.get("phase") or "session"


# "`su` includes `su-l`, `sudo` includes `sudo-i`, here and in `via`, exemptions and grants."
def service_of(request):
    return {"su-l": "su", "sudo-i": "sudo"}.get(request["service"], request["service"])


# "null is absent, and so is `""` for from and key"; a text that is no number is
# an address all the same, only not a numeric one (R2)
def has_address(request):
    return request.get("from") not in (None, "")


def has_key(request):
    return request.get("key") not in (None, "")


@functools.lru_cache(maxsize=None)
def moment(text):
    return datetime.datetime.fromisoformat(text).astimezone(UTC)


# ------------------------------------------------------------------ matching

# "ASCII letters compared without case"
def ascii_lower(text):
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


# "Globs: `*` any run of characters, `?` one, the rest literal, the whole id"
@functools.lru_cache(maxsize=None)
def glob_matches(glob, host):
    pattern = ""
    for c in ascii_lower(glob):
        if c == "*":
            pattern += ".*"
        elif c == "?":
            pattern += "."
        else:
            pattern += re.escape(c)
    return re.fullmatch(pattern, ascii_lower(host), re.DOTALL) is not None


# "[[host]]: the first that matches counts"
# "A host without an `[[host]]` has no class and no customers."
def host_entry(policy, request):
    for entry in policy["host"]:
        if any(glob_matches(glob, request["host"]) for glob in entry["match"]):
            return entry
    return {}


# "a grant or machine whose hosts and classes match": where both are given, both (R3)
def here(policy, request, item):
    if "hosts" in item:
        if not any(glob_matches(glob, request["host"]) for glob in item["hosts"]):
            return False
    if "classes" in item:
        if host_entry(policy, request).get("class") not in item["classes"]:
            return False
    return True


# "`{person}` is the person's id"
def expand(words, person_id):
    return [person_id if word == "{person}" else word for word in words]


# "key: type and blob, comment ignored"; None for a text that is no key (R4)
@functools.lru_cache(maxsize=None)
def type_and_blob(text):
    words = text.split()
    if len(words) < 2:
        return None
    try:
        return words[0], base64.b64decode(words[1], validate=True)
    except binascii.Error:
        return None


# "`::ffff:a.b.c.d` is a.b.c.d; leading zeros, zone ids and host names are no addresses."
# (R5: an IPv6 group may have leading zeros; R6: every spelling of a mapped address)
@functools.lru_cache(maxsize=None)
def numeric_address(text):
    if "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.version == 6 and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


# "CIDR or single addresses" (R7: a mapped network of /96 or longer is the IPv4 network)
@functools.lru_cache(maxsize=None)
def network(text):
    net = ipaddress.ip_network(text)
    if net.version == 6 and net.prefixlen >= 96:
        mapped = net.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.ip_network((mapped, net.prefixlen - 96))
    return net


# The networks of a grant's or machine's `from`; none where it has no `from` (R8)
def networks_of(policy, item):
    found = []
    for name in item.get("from", []):
        for text in policy["networks"][name]:
            found.append(network(text))
    return found


# ------------------------------------------------------------------- answers

def allow(person=None, key_label=None, grant=None, machine=None):
    return {"verdict": "allow", "reason": "granted", "person": person,
            "key_label": key_label, "grant": grant, "machine": machine}


def deny(reason):
    return {"verdict": "deny", "reason": reason, "person": None,
            "key_label": None, "grant": None, "machine": None}


def not_governed(reason):
    return {"verdict": "not-governed", "reason": reason, "person": None,
            "key_label": None, "grant": None, "machine": None}


# -------------------------------------------------------------------- rule 1

def rule_1(policy, request):
    """The reason why the request is not governed, or None."""
    # "The service is su or sudo, the caller's real uid is 0, and there is no address:
    # not-governed, `caller-is-root`."
    if service_of(request) in ["su", "sudo"]:
        if request.get("invoker_uid") == 0 and not has_address(request):
            return "caller-is-root"
    # "The service is exempt and there is no address: not-governed, `service-exempt`."
    if request["service"] in BUILT_IN_EXEMPT + policy["admin"].get("exempt-services", []):
        if not has_address(request):
            return "service-exempt"
    if request["account"] is None:
        governed = invoker_is_governed(policy, request)
    else:
        governed = account_is_governed(policy, request)
    return None if governed else "account-not-governed"


# "built-in or listed admin group"
def in_admin_group(policy, groups):
    admin = BUILT_IN_GROUPS + policy["admin"].get("groups", [])
    return any(group in admin for group in groups)


# "The account is neither uid 0, nor in a built-in or listed admin group, nor in the
# accounts of a grant or machine whose hosts and classes match: not-governed"
# ("root without a uid is not uid 0 here")
def account_is_governed(policy, request):
    if request.get("uid") == 0:
        return True
    if in_admin_group(policy, request.get("groups") or []):
        return True
    for grant in policy["grant"]:
        if here(policy, request, grant):
            for person_id in grant["persons"]:
                if request["account"] in expand(grant["accounts"], person_id):
                    return True
    for machine in policy["machine"]:
        if here(policy, request, machine):
            if request["account"] in machine["accounts"]:
                return True
    return False


# "where the account is null [...], the invoker is neither in an admin group nor in the
# `via` of a matching grant with sudo (a grant without `via` names nobody here):
# not-governed" (R9: grants only, not machines; R10: not the invoker's uid)
def invoker_is_governed(policy, request):
    if in_admin_group(policy, request.get("invoker_groups") or []):
        return True
    for grant in policy["grant"]:
        if here(policy, request, grant) and "sudo" in grant["services"]:
            for person_id in grant["persons"]:
                if request.get("invoker") in expand(grant.get("via", []), person_id):
                    return True
    return False


# -------------------------------------------------------------------- rule 2

# "the clock between 1980 and 2100, else `clock-implausible`; at or after `expires`,
# `policy-expired`." (a policy that could not be used is not modelled)
def rule_2(policy, request):
    at = moment(request["at"])
    if not CLOCK_FIRST <= at < CLOCK_END:
        return "clock-implausible"
    if "expires" in policy and at >= policy["expires"]:
        return "policy-expired"
    return None


# -------------------------------------------------------------------- rule 3

# "`via`: su, sudo: only from these accounts (default: any)"
def via_matches(request, words):
    if service_of(request) not in ["su", "sudo"]:
        return True
    return request.get("invoker") in words


# "Candidates, in file order, grants before machines: grants whose hosts and classes,
# accounts (unless null), services and `via` match"
# A candidate here is (grant, person id, None) or (None, None, machine): `{person}`
# makes accounts and via match for one person of a grant and not for another.
def rule_3(policy, request):
    candidates = []
    for grant in policy["grant"]:
        if not here(policy, request, grant):
            continue
        if service_of(request) not in grant["services"]:
            continue
        for person_id in grant["persons"]:
            if request["account"] is not None:
                if request["account"] not in expand(grant["accounts"], person_id):
                    continue
            if "via" in grant:
                if not via_matches(request, expand(grant["via"], person_id)):
                    continue
            candidates.append((grant, person_id, None))
    # "for sshd machines with a key, for sudo machines with `via`, whose hosts, classes,
    # accounts match" (R11: as for grants, a null account matches and the invoker must be
    # in `via`)
    for machine in policy["machine"]:
        if not here(policy, request, machine):
            continue
        if request["account"] is not None:
            if request["account"] not in machine["accounts"]:
                continue
        if service_of(request) == "sshd" and "public" in machine:
            candidates.append((None, None, machine))
        if service_of(request) == "sudo" and "via" in machine:
            if via_matches(request, machine["via"]):
                candidates.append((None, None, machine))
    return candidates


# "the set of (grant, person, key) and machines": each candidate person with each of
# the person's keys, a machine as it is. An element is a dict of these four.
def elements(policy, candidates):
    found = []
    for grant, person_id, machine in candidates:
        if machine is not None:
            found.append({"grant": None, "person": None, "key": None, "machine": machine})
            continue
        for key in policy["key"]:
            if key["person"] == person_id:
                found.append({"grant": grant, "person": person_of(policy, person_id),
                              "key": key, "machine": None})
    return found


# The public key of an element; None for a machine with `via`
def public_of(element):
    if element["machine"] is not None:
        if "public" not in element["machine"]:
            return None
        return type_and_blob(element["machine"]["public"])
    return type_and_blob(element["key"]["public"])


# -------------------------------------------------------------------- rule 4

def rule_4(policy, request, left):
    """The narrowed set, or the reason (a str)."""
    # "Phase `account`: no candidate has a key, `key-unknown`." (R12: otherwise nothing is
    # taken out, machines with `via` neither)
    if phase_of(request) == "account":
        if all(public_of(element) is None for element in left):
            return "key-unknown"
        return left
    # "Phases with a key: a request without one, `key-missing` (but sudo machines need
    # none, and are what is left then)"
    if not has_key(request):
        machines = []
        if service_of(request) == "sudo":
            machines = [e for e in left if e["machine"] is not None]
        return machines or "key-missing"
    # "nobody's in the policy (type and blob, comment ignored), `key-unknown`"
    wanted = type_and_blob(request["key"])
    everybodys = [type_and_blob(key["public"]) for key in policy["key"]]
    for machine in policy["machine"]:
        if "public" in machine:
            everybodys.append(type_and_blob(machine["public"]))
    if wanted is None or wanted not in everybodys:
        return "key-unknown"
    # "its person or machine in no candidate, `no-grant`" (R13: with a key, sudo machines
    # are not left)
    return [e for e in left if public_of(e) == wanted] or "no-grant"


# -------------------------------------------------------------------- rule 5

# "`valid-until` (last valid day, UTC) past"
def past(request, day):
    return day is not None and moment(request["at"]).date() > day


# (R14: the three are narrowed by one after the other; the one that empties gives the reason)
def rule_5(request, left, revoked):
    # "In /var/lib/tom/revoked, `key-revoked`"
    out = [type_and_blob(text) for text in revoked]
    left = [e for e in left if public_of(e) is None or public_of(e) not in out]
    if not left:
        return "key-revoked"
    # "`person-expired`" (R15: a machine's owner is not asked)
    left = [e for e in left
            if e["person"] is None or not past(request, e["person"].get("valid-until"))]
    if not left:
        return "person-expired"
    # "then `key-expired` (a machine's `until` too)"
    still = []
    for e in left:
        if e["machine"] is not None:
            end = e["machine"].get("until")
        else:
            end = e["key"].get("valid-until")
        if not past(request, end):
            still.append(e)
    return still or "key-expired"


# -------------------------------------------------------------------- rule 6

# "A person of `customer:ID` where the host's `customers` lack ID: `wrong-customer`."
def rule_6(policy, request, left):
    customers = host_entry(policy, request).get("customers", [])
    still = []
    for e in left:
        if e["person"] is not None and e["person"]["party"].startswith("customer:"):
            if e["person"]["party"].removeprefix("customer:") not in customers:
                continue
        still.append(e)
    return still or "wrong-customer"


# -------------------------------------------------------------------- rule 7

# "Not in phase `offer`: service sshd, or any request with an address: no numeric address,
# `address-unknown`; in no network of its `from`, `address-not-allowed`."
def rule_7(policy, request, left):
    if phase_of(request) == "offer":
        return left
    if service_of(request) != "sshd" and not has_address(request):
        return left
    address = numeric_address(request.get("from") or "")
    if address is None:
        return "address-unknown"
    still = []
    for e in left:
        nets = networks_of(policy, e["grant"] or e["machine"])
        if any(address in net for net in nets if net.version == address.version):
            still.append(e)
    return still or "address-not-allowed"


# -------------------------------------------------------------------- rule 8

# "A fido or piv key without proven PIN protection: `pin-not-proven`; [...] Customers' keys
# with `proof = "none"`, and machines, pass."
# "under `attested` (the default) a fido or piv key without it [evidence] fails rule 8,
# whoever's it is [...]; under `declared` every fido and piv key counts as proven,
# `minimum-firmware` included"
def rule_8(policy, left):
    declared = policy["token"].get("assurance", "attested") == "declared"
    still = []
    for e in left:
        if e["machine"] is not None or e["key"]["proof"] == "none" or declared:
            still.append(e)
    return still or "pin-not-proven"


# -------------------------------------------------------------------- rule 9

# "Allow, `granted`, by the first that is left."
# "account: [...] person, key_label, grant, machine of the answer stay null"
def rule_9(request, left):
    first = left[0]
    if phase_of(request) == "account":
        return allow()
    if first["machine"] is not None:
        return allow(machine=first["machine"]["id"])
    return allow(person=first["person"]["id"], key_label=first["key"]["label"],
                 grant=first["grant"]["id"])


def rules_3_to_9(policy, request, revoked):
    """The answer, and what is left after rule 8."""
    candidates = rule_3(policy, request)
    # "None: `no-grant`."
    if not candidates:
        return deny("no-grant"), []
    left = elements(policy, candidates)
    # "Rules 4 to 8 narrow the set [...]; the rule that empties it gives the reason."
    left = rule_4(policy, request, left)
    if not isinstance(left, str):
        left = rule_5(request, left, revoked)
    if not isinstance(left, str):
        left = rule_6(policy, request, left)
    if not isinstance(left, str):
        left = rule_7(policy, request, left)
    if not isinstance(left, str):
        left = rule_8(policy, left)
    if isinstance(left, str):
        return deny(left), []
    return rule_9(request, left), left


def decide(policy, request, revoked=()):
    reason = rule_1(policy, request)
    if reason is not None:
        answer, left = not_governed(reason), []
    else:
        reason = rule_2(policy, request)
        if reason is None:
            answer, left = rules_3_to_9(policy, request, revoked)
        else:
            # "Then only keys with `break-glass = true` are left, no machine is, and rules
            # 3 to 9 apply to them unchanged; where that allows nothing the reason is this
            # rule's."
            glass = dict(policy, machine=[],
                         key=[k for k in policy["key"] if k.get("break-glass", False)])
            answer, left = rules_3_to_9(glass, request, revoked)
            if answer["verdict"] == "deny":
                answer = deny(reason)
    # "`"want_line":true` in phase `offer` adds `line` (null unless allowed)."
    # (R16: in other phases nothing is added)
    if request.get("want_line") and phase_of(request) == "offer":
        answer["line"] = key_line(policy, left) if answer["verdict"] == "allow" else None
    return answer


# ------------------------------------------------------------------ the line

# "The options, in this order: [...]" then the key, then "Comment `tom:PERSON:LABEL` or
# `tom:MACHINE`."
def key_line(policy, left):
    first = left[0]
    options = []
    if first["machine"] is not None:
        if "public" not in first["machine"]:
            return None
        public = first["machine"]["public"]
        comment = "tom:" + first["machine"]["id"]
        # "`restrict` and `command="…"` of a machine with a forced command (`"` as `\"`)"
        if "command" in first["machine"]:
            options.append("restrict")
            options.append('command="%s"' % first["machine"]["command"].replace('"', '\\"'))
    else:
        public = first["key"]["public"]
        comment = "tom:" + first["person"]["id"] + ":" + first["key"]["label"]
    kind, blob = public.split()[:2]
    # "`verify-required` for every FIDO key" (R17: by its type, whoever's it is)
    if kind.startswith("sk-"):
        options.append("verify-required")
    options.append('from="%s"' % ",".join(union(policy, left)))
    end = earliest_end(policy, left)
    if end is not None:
        options.append('expiry-time="%s"' % end.strftime("%Y%m%d%H%M%SZ"))
    return ",".join(options) + " " + kind + " " + blob + " " + comment


# "the canonical union of the networks of all that is left after rule 8 (merged, IPv4
# before IPv6, ascending, a single address without prefix length)"
def union(policy, left):
    nets = []
    for e in left:
        nets += networks_of(policy, e["grant"] or e["machine"])
    words = []
    for version in [4, 6]:
        of_version = [net for net in nets if net.version == version]
        for net in sorted(ipaddress.collapse_addresses(of_version)):
            single = net.prefixlen == net.max_prefixlen
            words.append(str(net.network_address) if single else str(net))
    return words


# "the earliest of the policy's (not for a break-glass key), the person's, the key's and
# the machine's end (23:59:59 of a last valid day), if any" (R18)
def earliest_end(policy, left):
    ends = []
    for e in left:
        days = []
        if e["machine"] is not None:
            days.append(e["machine"].get("until"))
        else:
            days.append(e["person"].get("valid-until"))
            days.append(e["key"].get("valid-until"))
        for day in days:
            if day is not None:
                ends.append(datetime.datetime(day.year, day.month, day.day, 23, 59, 59,
                                              tzinfo=UTC))
        break_glass = e["key"] is not None and e["key"].get("break-glass", False)
        if "expires" in policy and not break_glass:
            ends.append(policy["expires"].astimezone(UTC))
    return min(ends) if ends else None
