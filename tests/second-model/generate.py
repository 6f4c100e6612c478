"""Random valid policies and requests aimed at the edges of the rules.

    policy_text(rng)        -> TOML text that `tom policy check` must accept
    request(rng, policy)    -> a request (dict), policy as model.load gave it
    request_line(rng, ...)  -> the JSON line of one request, now and then a malformed one

Everything depends on the given random.Random alone. `without` names FEATURES
that are left out (see READINGS.md for why somebody may want that).
"""

import base64
import datetime
import json
import random
import struct

import model

FEATURES = {
    "mapped-nets": "a network written as a v4-mapped single address",
    "mapped-cidr": "a network written as a v4-mapped CIDR",
    "v6-leading-zeros": "from with leading zeros in a group of an IPv6 address",
    "mapped-hex": "from as a v4-mapped address in other spellings than ::ffff:a.b.c.d",
    "clock-2100": "at in the year 2100 itself",
    "fraction": "at with a fraction of a second",
    "hosts-and-classes": "grants and machines with both hosts and classes",
    "unused-class": "classes that no [[host]] has",
    "sk-machine": "machines with a key of a FIDO type",
    "expect": "an [[expect]] that may fail",
    "odd-command": "forced commands with quotes and backslashes",
    "toml-style": "TOML written in other ways (inline tables, literal strings, order, comments)",
    "malformed": "request lines that are answered with an error",
    "offer-elsewhere": "phase offer for services other than sshd",
    "account-via-machine": "phase account for sudo where a machine with via exists",
    "owner-customer": "machines owned by a customer's person",
}

# ---------------------------------------------------------------------- keys

# points of the curves, so that nobody has to refuse them
ED25519_POINTS = [
    "2c687777ef5832a94529a15355a2800bc71ae9f2bf7a8a0f21bc0dc2b916ac45",
    "94db263272c719d427d66ee4ffb9c8b9873b2a7a84daf0966dbc331d36b6eebb",
    "7804ade2ddb71495c0f3e0a673f779e1b0764b6b9736b964af2247b9c1ce280c",
    "39f027a2095f92ece6788580f675ddc3f1828c8bd93603aa615ce14c932a26bb",
    "3ab2d72fc46f7a3021c16ea16e2583b1409d3ae833da91783cd59a72a5aa398f",
    "76e772b981d7c108f7e25f20117b0fd034237642d80db7acbca1611f2e1c1bb2",
    "30b9c4f9c036936d92ee44873108eb3cc78ee756b94bca2968a576b7d6af38b3",
    "1d83bba2a7db684b11b35e400dbd44ea5bc5e6dfc137be84315e5555d31c0c67",
    "b2be8c2fd779d3f07f82428aa97c876f2aefed4e2a02f8a75489dd35f532ffad",
    "448ae19dd6f984049cdf636733fa6d395ef27e0b02dc15e671ca9dd419ee117f",
    "a6cb43958993cb9592f79a9080522f0bc804791885ca66b773d49268746284a3",
    "3a0655515bb8c0c0937ccf1707fbcd3e14ec92fc6ecf4fb5d5a272066b825231",
]
P256_POINTS = [
    "0493eb7dfcc9095e2cfbf44c52c408bb209c6976ca6ebebbaa3717e83bf2429704"
    "39232652cd538d08a730e868b6e228e6441f97169586d0370ca50e2832c899f8",
    "04a9211f54dd84304829061c654529c73692f97ccbf1f82b222f8b5c0522c23a4d"
    "829244ac3e6d5419f021d93101b62e95414e7f3529967e4c905ba58a08eaa9b2",
    "0443a91e0ea1a79c5e25605538fc7e473cdca4f658df02c7588b2c3c4370c0d3a7"
    "66930257de239b1749e87677b39f6028ca3508310cf53b8a2164acd3b05f923e",
    "045c3d364240ccdab07d74859ebf520c113930125c960eab6de636a41e59fb2824"
    "2f1768a6e1c659750d6b6ae63ea0451559b19db726520a31ebad12d549cc6270",
    "04de5a90f6a4dfe13c9d711d8e65612807a769200c52f888ba3de53cbe4d95761d"
    "780bb1f012e6fe9ba10615cbfbf91f9cc5e507c6d7a182dbd5506909df43bc32",
    "043fae0f1443d57ffb08f702393fd08dfb4ea578a6b5ae2d8a6719be919a62b80d"
    "5194b6154b6bcbc2bf8613f07b9b277509e95666c8535e682cf5665cafd441d3",
    "04b3617b70ac9e918fc70382f827affc002a5fd50a1e567ac93a3eee8ae9826776"
    "81329aeaf1b708e309ee1e7861ce59ce8266c2020900aff0380fb568903e284e",
    "04a0ee5de072a43872372e4047865b02cad34d0c19f904465a32c62340bf7e829b"
    "c8b3763191afda022b2e18500debac58b253643ce401a461155e5892eb19d6c1",
]


def ssh_string(data):
    return struct.pack(">I", len(data)) + data


def public_key(kind, *parts):
    blob = ssh_string(kind.encode()) + b"".join(ssh_string(part) for part in parts)
    return kind + " " + base64.b64encode(blob).decode()


def make_keys():
    """The pool of keys: (public, is FIDO)."""
    edwards = [bytes.fromhex(h) for h in ED25519_POINTS]
    points = [bytes.fromhex(h) for h in P256_POINTS]
    keys = []
    for point in edwards[:7]:
        keys.append((public_key("sk-ssh-ed25519@openssh.com", point, b"ssh:"), True))
    for point in edwards[7:10]:
        keys.append((public_key("ssh-ed25519", point), False))
    for point in points[:4]:
        keys.append((public_key("ecdsa-sha2-nistp256", b"nistp256", point), False))
    for point in points[4:6]:
        keys.append((public_key("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", point,
                                b"ssh:"), True))
    rsa = random.Random(2048)
    for _ in range(2):
        modulus = rsa.getrandbits(2048) | 1 << 2047 | 1
        keys.append((public_key("ssh-rsa", b"\x01\x00\x01",
                                b"\0" + modulus.to_bytes(256, "big")), False))
    unknown = [public_key("sk-ssh-ed25519@openssh.com", edwards[10], b"ssh:"),
               public_key("ssh-ed25519", edwards[11]),
               # the point of a known sk key without the token, and with another application
               public_key("ssh-ed25519", edwards[0]),
               public_key("sk-ssh-ed25519@openssh.com", edwards[0], b"ssh:other"),
               public_key("ecdsa-sha2-nistp256", b"nistp256", points[6])]
    return keys, unknown


KEYS, UNKNOWN_KEYS = make_keys()

# -------------------------------------------------------------- vocabularies

DAY = datetime.date(2026, 11, 23)
NOON = "2026-11-23T12:00:00Z"

PERSONS = ["anna", "bert", "cora", "dave", "eve-2", "f"]
ACCOUNTS = ["root", "root", "root", "www", "deploy", "anna", "bert", "nagios"]
HOSTS = ["web1.example.net", "web2.example.net", "root7.example.net", "db1.acme.test", "backup1"]
GLOBS = ["*", "*", "web?.example.net", "web*", "*.example.net", "root7.example.net",
         "WEB1.Example.*", "db1.acme.test", "b?ckup1", "*1*", "[w]eb1.example.net",
         "web1.example.ne", "?eb1*net", "root7?example.net", "**", "web1.example.net*"]
CLASSES = ["physical", "shared-hosting", "root-host", "backup"]
CUSTOMERS = ["acme", "beta"]
PARTIES = ["operator", "operator", "operator", "customer:acme", "customer:beta"]
GROUPS = ["root", "sudo", "docker", "lxd", "disk", "libvirt", "adm-web", "ops"]
ORDINARY_GROUPS = ["users", "www-data", "Sudo", "adm-web", "ops"]
EXEMPT = ["cron", "atd", "systemd-user", "runuser", "runuser-l", "chfn", "chsh", "passwd",
          "chpasswd", "newusers"]
OTHER_SERVICES = ["vsftpd", "dovecot", "cups", "SSHD", "sudo-l", "su-", "backup-agent"]
NETWORKS = ["203.0.113.0/28", "203.0.113.16/28", "203.0.113.0/29", "203.0.113.8/29",
            "203.0.113.5", "203.0.113.4", "203.0.113.77", "203.0.113.5/32", "198.51.100.6",
            "198.51.100.7", "198.51.100.6/31", "198.51.100.8/30", "10.0.0.0/8", "9.0.0.0/8",
            "2001:db8:10::/48", "2001:db8:11::/48", "2001:db8:10:1::/64", "2001:db8:10::1",
            "2001:db8:10::/127", "2001:db8:10::2/127", "::1", "2001:db8::1/128",
            "2001:DB8:0:0:1:0:0:1", "255.255.255.255", "fe80::/10"]
WIDE = ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "8000::/1", "::/1"]
MAPPED_SINGLE = ["::ffff:198.51.100.7", "::ffff:203.0.113.5"]
MAPPED_CIDR = ["::ffff:203.0.113.0/124", "::ffff:10.0.0.0/104", "::ffff:203.0.113.4/128"]
NET_NAMES = ["office", "cio-home", "backup", "vpn"]
BAD_ADDRESSES = ["203.0.113.05", "203.0.113.005", "0203.0.113.5", "::ffff:203.0.113.05",
                 "fe80::1%eth0", "fe80::1%2", "2001:db8:10::1%1", "web1.example.net", "localhost",
                 "203.0.113", "203.0.113.5.1", "203.0.113.256", "203.0.113.5/32", "0xcb.0.113.5",
                 "3405803781", " 203.0.113.5", "203.0.113.5 ", "[2001:db8:10::1]", "2001:db8:::1",
                 "UNKNOWN", "203.0.113.5:22", "2001:db8:10:0:0:0:0:0:1", ":", "12345::", "-"]
COMMANDS = ["/usr/bin/rrsync -ro /", "/usr/local/bin/dump --all", "/opt/job/run"]
ODD_COMMANDS = ['/usr/local/bin/job --name "a b"', '/usr/bin/printf "%s,%s" a b',
                "/usr/bin/find / -name 'x=y' -printf \\n$", '/opt/j "" x']
OFFSETS = [("Z", 0), ("Z", 0), ("+00:00", 0), ("+01:00", 60), ("-05:30", -330), ("+14:00", 840)]


def some(rng, words, least=1, most=3):
    words = list(dict.fromkeys(words))
    return rng.sample(words, min(len(words), rng.randint(least, most)))


def chance(rng, probability):
    return rng.random() < probability


def utc_text(rng, when):
    """The moment in some offset."""
    name, minutes = rng.choice(OFFSETS)
    return (when + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S") + name


# ---------------------------------------------------------------------- TOML

class Raw(str):
    """TOML text that is no string: dates, tables."""


def toml_string(rng, text, style):
    if style and "'" not in text and "\n" not in text and chance(rng, 0.15):
        return "'" + text + "'"
    out = ""
    for c in text:
        if c in '"\\':
            out += "\\" + c
        elif style and c.isascii() and c.isalnum() and chance(rng, 0.005):
            out += "\\u%04x" % ord(c)
        else:
            out += c
    return '"' + out + '"'


def toml_value(rng, value, style):
    if isinstance(value, Raw):
        return str(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, list):
        words = [toml_value(rng, v, style) for v in value]
        if style and words and chance(rng, 0.1):
            return "[\n    " + ",  # and\n    ".join(words) + ",\n]"
        return "[" + ", ".join(words) + "]"
    return toml_string(rng, value, style)


def toml_pairs(rng, pairs, style):
    pairs = list(pairs)
    if style and chance(rng, 0.3):
        rng.shuffle(pairs)
    lines = []
    for name, value in pairs:
        comment = "  # \"comment\" = [" if style and chance(rng, 0.03) else ""
        shown = '"%s"' % name if style and chance(rng, 0.03) else name
        lines.append(shown + " = " + toml_value(rng, value, style) + comment)
    return lines


def toml_inline(rng, pairs, style):
    one_line = [name + " = " + toml_value(rng, value, False) for name, value in pairs]
    return "{ " + ", ".join(one_line) + " }"


# -------------------------------------------------------------------- policy

def policy_text(rng, without=()):
    on = {name: name not in without for name in FEATURES}
    style = on["toml-style"] and chance(rng, 0.3)

    # networks: name -> list
    nets = {}
    for name in some(rng, NET_NAMES, 0 if chance(rng, 0.05) else 1, 4):
        pool = list(NETWORKS)
        if chance(rng, 0.06):
            pool = WIDE + NETWORKS[:6]
        if on["mapped-nets"] and chance(rng, 0.1):
            pool += MAPPED_SINGLE * 3
        if on["mapped-cidr"] and chance(rng, 0.06):
            pool += MAPPED_CIDR * 5
        nets[name] = some(rng, pool, 1, 6)

    # hosts
    hosts = []
    for _ in range(rng.randint(0, 4)):
        entry = [("match", some(rng, GLOBS, 1, 2)), ("class", rng.choice(CLASSES))]
        if chance(rng, 0.6):
            entry.append(("customers", some(rng, CUSTOMERS, 1, 2)))
        if chance(rng, 0.5):
            entry.append(("commissioned", Raw("2024-03-01")))
        hosts.append(entry)
    listed = {c for entry in hosts for name, value in entry if name == "customers" for c in value}
    host_classes = [value for entry in hosts for name, value in entry if name == "class"]

    def end(probability):
        if not chance(rng, probability):
            return None
        return DAY + datetime.timedelta(days=rng.choice([-3, -1, -1, 0, 0, 1, 3, 40, 400, 400]))

    # persons
    persons = []
    for person_id in some(rng, PERSONS, 1, 6):
        party = rng.choice(PARTIES)
        if party != "operator" and party.split(":")[1] not in listed:
            party = "operator"
        person = [("id", person_id), ("name", rng.choice(["Anna Beispiel", "Bé O'Hara", "Dr. D (vice)"])),
                  ("role", rng.choice(["managing director", "administrator"])), ("party", party)]
        until = end(0.25)
        if until:
            person.append(("valid-until", until))
        persons.append(person)
    ids = [dict(person)["id"] for person in persons]
    party_of = {dict(person)["id"]: dict(person)["party"] for person in persons}

    # keys
    pool = rng.sample(KEYS, len(KEYS))
    keys = []
    for n in range(rng.choice([0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 8])):
        public, fido = pool.pop()
        person = rng.choice(ids)
        proof = "fido" if fido else "piv"
        if party_of[person] != "operator" and chance(rng, 0.55):
            proof = "none"
        if chance(rng, 0.2):
            public += rng.choice([" anna@laptop", " blue token of anna"])
        key = [("person", person), ("label", rng.choice(["blue", "red", "k"]) + "-%d" % n),
               ("public", public), ("proof", proof)]
        until = end(0.25)
        if until:
            key.append(("valid-until", until))
        if chance(rng, 0.3):
            key.append(("break-glass", chance(rng, 0.85)))
        keys.append(key)
    keyed = [dict(key)["person"] for key in keys] or ids

    def place(item):
        kind = rng.random()
        classes = CLASSES if on["unused-class"] else host_classes
        if not classes:
            kind = 0
        if kind < 0.7 or (kind < 0.85 and on["hosts-and-classes"]):
            item.append(("hosts", some(rng, GLOBS, 1, 2)))
        if kind >= 0.7:
            item.append(("classes", some(rng, (host_classes or classes) * 2 + classes, 1, 2)))

    # grants
    grants = []
    for n in range(rng.choice([0, 1, 2, 2, 3, 3, 4, 5, 6])):
        services = some(rng, ["sshd", "login", "su", "sudo"], 1, 4)
        if "sshd" in services and not nets:
            services = ["sudo"]
        if grants and chance(rng, 0.25):
            # as an earlier one, with other networks
            item = [(name, value) for name, value in rng.choice(grants) if name != "from"]
            item[0] = ("id", "grant-%d" % n)
            if nets:
                item.append(("from", some(rng, nets, 1, 2)))
            if nets or "sshd" not in dict(item)["services"]:
                grants.append(item)
            continue
        words = ACCOUNTS + ["{person}"] * 2
        item = [("id", "grant-%d" % n),
                ("persons", list(dict.fromkeys(some(rng, ids, 1, 3) + [rng.choice(keyed)]))),
                ("accounts", some(rng, rng.sample(words, len(words)), 1, 2)),
                ("services", services)]
        place(item)
        if "sshd" in services or (nets and chance(rng, 0.4)):
            item.append(("from", some(rng, nets, 1, 3)))
        if chance(rng, 0.4 if {"su", "sudo"} & set(services) else 0.05):
            item.append(("via", some(rng, ["{person}", "{person}", "anna", "www", "nagios"], 1, 2)))
        grants.append(item)

    # machines
    machines = []
    for n in range(rng.choice([0, 0, 1, 1, 2, 3, 4])):
        owners = ids
        if not on["owner-customer"]:
            owners = [i for i in ids if party_of[i] == "operator"]
            if not owners:
                break
        item = [("id", "job-%d" % n), ("owner", rng.choice(owners)),
                ("accounts", some(rng, ACCOUNTS, 1, 2)), ("reason", "nightly pull backup")]
        place(item)
        if nets and chance(rng, 0.55):
            usable = [key for key in pool if on["sk-machine"] or not key[1]]
            if not usable:
                break
            pool.remove(usable[0])
            item.append(("public", usable[0][0]))
            item.append(("from", some(rng, nets, 1, 2)))
            if chance(rng, 0.75):
                item.append(("command", rng.choice(
                    COMMANDS + (ODD_COMMANDS if on["odd-command"] else []))))
            else:
                item.append(("unrestricted", True))
        else:
            item.append(("via", some(rng, ["nagios", "www", "anna", "deploy"], 1, 2)))
        until = end(0.3)
        if until:
            item.append(("until", until))
        machines.append(item)

    # the top of the file
    top = [("schema", 1), ("serial", 2026112301), ("operator", "Example Hosting GmbH")]
    if chance(rng, 0.4):
        base = datetime.datetime(2026, 11, 23, 12, 0, 0)
        top.append(("expires", Raw(utc_text(rng, base + datetime.timedelta(
            seconds=rng.choice([-86400 * 20, -1, 0, 0, 1, 3600 * 6, 86400 * 2, 86400 * 90]))))))
    token = []
    assurance = rng.choice(["declared", "declared", "declared", "declared", "attested", None])
    if assurance:
        token.append(("assurance", assurance))
    if chance(rng, 0.2):
        token.append(("minimum-firmware", "5.7"))
    admin = []
    if chance(rng, 0.4):
        admin.append(("groups", some(rng, ["adm-web", "ops", "sudo"], 0, 2)))
    if chance(rng, 0.4):
        admin.append(("exempt-services", some(rng, ["backup-agent", "vsftpd", "cron"], 0, 2)))

    # written down
    lines = toml_pairs(rng, top, style)
    if token and style and chance(rng, 0.3):
        lines.append("token = " + toml_inline(rng, token, style))
        token = None
    if hosts and style and chance(rng, 0.2):
        lines.append("host = [\n" + ",\n".join("  " + toml_inline(rng, h, style) for h in hosts)
                     + "\n]")
        hosts = []
    blocks = []
    for header, pairs in [("[token]", token), ("[admin]", admin),
                          ("[networks]", list(nets.items()))]:
        if pairs or (pairs is not None and chance(rng, 0.1)):
            blocks.append([header] + toml_pairs(rng, pairs, style))
    arrays = []
    for header, items in [("[[person]]", persons), ("[[key]]", keys), ("[[grant]]", grants),
                          ("[[machine]]", machines), ("[[host]]", hosts)]:
        arrays.append([[header] + toml_pairs(rng, item, style) for item in items])
    if on["expect"] and chance(rng, 0.05):
        arrays.append([["[[expect]]"] + toml_pairs(rng, [
            ("account", "root"), ("service", rng.choice(["sshd", "sudo"])),
            ("host", rng.choice(HOSTS)), ("verdict", rng.choice(["allow", "deny"]))], style)])
    if style and chance(rng, 0.5):
        # mixed, each kind in its own order
        arrays = [array for array in arrays if array]
        while arrays:
            array = rng.choice(arrays)
            blocks.append(array.pop(0))
            arrays = [array for array in arrays if array]
        if chance(rng, 0.5):
            rng.shuffle(blocks)
    else:
        for array in arrays:
            blocks += array
    for block in blocks:
        lines += ["" if not style or chance(rng, 0.8) else "# ---"] + block
    return "\n".join(lines) + "\n"


# ------------------------------------------------------------------ requests

def inside(rng, net):
    """An address of the network, often its first or last."""
    size = net.num_addresses
    return net[rng.choice([0, size - 1, rng.randrange(size)])]


def beside(rng, net):
    """The address just before or just after the network, if there is one."""
    number = int(net[-1]) + 1 if chance(rng, 0.5) else int(net[0]) - 1
    try:
        return type(net[0])(number)
    except ValueError:
        return inside(rng, net)


def address_text(rng, address, on):
    text = str(address)
    if address.version == 4:
        if chance(rng, 0.15):
            return "::ffff:" + text
        if on["mapped-hex"] and chance(rng, 0.06):
            number = int(address)
            return rng.choice(["::FFFF:" + text, "0:0:0:0:0:ffff:" + text,
                               "::ffff:%x:%x" % (number >> 16, number & 0xffff)])
        return text
    if chance(rng, 0.15):
        return text.upper()
    if address.ipv4_mapped is None:
        if on["v6-leading-zeros"] and chance(rng, 0.1):
            return address.exploded
        if chance(rng, 0.1):
            return ":".join("%x" % int(group, 16) for group in address.exploded.split(":"))
    return text


def some_from(rng, policy, item, on):
    nets = model.networks_of(policy, item) if item else []
    kind = rng.random()
    if nets and kind < 0.75:
        return address_text(rng, inside(rng, rng.choice(nets)), on)
    if nets and kind < 0.87:
        return address_text(rng, beside(rng, rng.choice(nets)), on)
    if kind < 0.93:
        return address_text(rng, inside(rng, model.network(rng.choice(NETWORKS))), on)
    if kind < 0.96:
        return rng.choice([None, ""])
    return rng.choice(BAD_ADDRESSES)


def some_host(rng, policy, item):
    hosts = HOSTS
    if item and chance(rng, 0.92):
        hosts = [h for h in HOSTS if model.here(policy, {"host": h}, item)] or HOSTS
    host = rng.choice(hosts)
    if chance(rng, 0.15):
        host = rng.choice([host.upper(), host.title()])
    elif chance(rng, 0.02):
        host = rng.choice(["web10.example.net", "web.example.net", "xweb1.example.net", "web1.example.net.",
                           "other", "[w]eb1.example.net", "root7xexample.net", ""])
        host = host or "web1.example.ne"
    return host


def some_at(rng, policy, on):
    kind = rng.random()
    if kind < 0.6:
        return rng.choice(["2026-11-23T10:00:00Z", NOON, "2026-11-23T13:00:00+01:00"])
    if kind < 0.93:
        moments = []
        days = [x.get("valid-until") or x.get("until")
                for section in ["person", "key", "machine"] for x in policy[section]]
        for day in days + [DAY]:
            if day:
                start = datetime.datetime(day.year, day.month, day.day)
                for seconds in [0, -1, 43200, 86399, 86400, 86401]:
                    moments.append(start + datetime.timedelta(seconds=seconds))
        if "expires" in policy:
            expires = policy["expires"].astimezone(model.UTC).replace(tzinfo=None)
            for seconds in [-1, 0, 0, 1, 86400 * 365] * 2:
                moments.append(expires + datetime.timedelta(seconds=seconds))
        text = utc_text(rng, rng.choice(moments))
        if on["fraction"] and text.endswith("Z") and chance(rng, 0.05):
            text = text[:-1] + rng.choice([".5Z", ".000Z", ".999999Z"])
        return text
    if on["clock-2100"] and kind < 0.94:
        return rng.choice(["2100-01-01T00:00:00Z", "2100-06-15T00:00:00Z",
                           "2100-12-31T23:59:59Z", "2099-12-31T23:30:00-01:00"])
    return rng.choice(["1979-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z",
                       "1980-01-01T00:00:00Z", "1980-01-01T00:30:00+01:00",
                       "1979-12-31T23:30:00-01:00", "2099-12-31T23:59:59Z",
                       "2101-01-01T00:00:00Z", "2101-06-15T00:00:00Z", "2500-01-01T00:00:00Z",
                       "9999-12-31T23:59:59Z"])


def key_texts(policy):
    return ([k["public"] for k in policy["key"]]
            + [m["public"] for m in policy["machine"] if "public" in m])


def dress_key(rng, public):
    """The same key with another comment."""
    words = public.split()
    kind = rng.random()
    if kind < 0.8:
        return " ".join(words[:2])
    if kind < 0.9:
        return " ".join(words[:2]) + " " + rng.choice(["anna@laptop", "two words", "tom:x:y"])
    return public


def wrong_key(rng, policy):
    everybodys = key_texts(policy)
    kind = rng.random()
    if kind < 0.45 and everybodys:
        return dress_key(rng, rng.choice(everybodys))
    if kind < 0.7:
        return rng.choice(UNKNOWN_KEYS)
    if kind < 0.8 and everybodys:
        # another type with the same blob
        public = rng.choice(everybodys).split()
        other = rng.choice(["ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ssh-rsa",
                            "ecdsa-sha2-nistp256", "ssh-dss"])
        return other + " " + public[1] if other != public[0] else None
    if kind < 0.9:
        public = (everybodys or UNKNOWN_KEYS)[0].split()
        return rng.choice(["garbage", public[0], public[1], public[0] + " AAAA",
                           public[0] + " !!!!", public[0] + " " + public[1][:-8],
                           public[0].upper() + " " + public[1], public[0] + " " + public[1] + "AAAA",
                           "restrict " + public[0] + " " + public[1], "-", "ssh-ed25519 "])
    return rng.choice([None, ""])


def request(rng, policy, without=()):
    on = {name: name not in without for name in FEATURES}
    r = {"phase": rng.choices(["session", "account", "offer", "auth"], [38, 18, 24, 20])[0]}

    # a grant or machine that the request is made for
    grant = machine = person_id = None
    kind = rng.random()
    # rather a person that has a key
    with_keys = {key["person"] for key in policy["key"]}
    useful = [g for g in policy["grant"] if with_keys & set(g["persons"])]
    if policy["machine"] and (kind < 0.22 or not useful) and kind < 0.93:
        machine = rng.choice(policy["machine"])
    elif policy["grant"] and kind < 0.93:
        grant = rng.choice(useful if useful and chance(rng, 0.9) else policy["grant"])
        persons = [p for p in grant["persons"] if p in with_keys]
        person_id = rng.choice(persons if persons and chance(rng, 0.9) else grant["persons"])
    item = grant or machine

    # service
    if grant:
        r["service"] = rng.choice(grant["services"])
        if r["phase"] == "offer" and "sshd" in grant["services"]:
            r["service"] = "sshd"
    elif machine:
        r["service"] = "sshd" if "public" in machine else "sudo"
    else:
        r["service"] = rng.choice(["sshd", "login", "su", "sudo"])
    if r["phase"] == "offer" and r["service"] != "sshd":
        if not on["offer-elsewhere"] or chance(rng, 0.9):
            r["phase"] = rng.choice(["session", "auth", "account"])
    if r["phase"] == "auth" and r["service"] == "sshd" and chance(rng, 0.7):
        r["phase"] = "session"

    # account and what the system knows of it
    if grant:
        r["account"] = rng.choice(model.expand(grant["accounts"], person_id))
    elif machine:
        r["account"] = rng.choice(machine["accounts"])
    else:
        r["account"] = rng.choice(ACCOUNTS + PERSONS + ["customer1", "customer2", "mail"])

    # place, moment, address
    r["host"] = some_host(rng, policy, item)
    r["at"] = some_at(rng, policy, on)
    r["from"] = None
    if r["service"] == "sshd" or chance(rng, 0.12):
        r["from"] = some_from(rng, policy, item, on)
    if r["phase"] == "offer" and chance(rng, 0.9):
        r["from"] = None

    # key
    r["key"] = None
    own = [k["public"] for k in policy["key"] if grant and k["person"] == person_id]
    if own:
        r["key"] = dress_key(rng, rng.choice(own))
    elif machine and "public" in machine:
        r["key"] = dress_key(rng, machine["public"])
    elif grant and chance(rng, 0.7):
        r["key"] = wrong_key(rng, policy)
    if r["phase"] == "account" and chance(rng, 0.8):
        r["key"] = None

    # invoker
    r["invoker"] = r["invoker_uid"] = None
    r["invoker_groups"] = []
    if model.service_of(r) in ["su", "sudo"] or chance(rng, 0.03):
        if item and "via" in item:
            r["invoker"] = rng.choice(model.expand(item["via"], person_id or "anna"))
        else:
            r["invoker"] = rng.choice([person_id or "anna", "www", "nagios"])
        r["invoker_uid"] = rng.choice([1000, 1001, 33, None])
        if chance(rng, 0.3):
            r["invoker_groups"] = some(rng, GROUPS + ORDINARY_GROUPS, 1, 2)

    # what is wrong with it: mostly nothing or one thing
    for _ in range(rng.choices([0, 1, 2, 3], [42, 38, 15, 5])[0]):
        spoil(rng, r, policy, item, on)

    if r["service"] in ["su", "sudo"] and chance(rng, 0.3):
        r["service"] += {"su": "-l", "sudo": "-i"}[r["service"]]
    r["uid"] = None
    if r["account"] == "root":
        r["uid"] = 0 if chance(rng, 0.8) else None
    elif chance(rng, 0.5):
        r["uid"] = rng.choice([1000, 1001, 33, 0])
    r["groups"] = some(rng, GROUPS + ORDINARY_GROUPS, 1, 2) if chance(rng, 0.12) else []
    if chance(rng, 0.01):
        r["account"] = "{person}"
    if r["phase"] == "auth" and model.service_of(r) == "sudo" and chance(rng, 0.75):
        r["account"] = None
        if chance(rng, 0.4):
            r["invoker_groups"] = some(rng, GROUPS, 1, 2)
    if r["phase"] == "offer" and r["service"] != "sshd" and not on["offer-elsewhere"]:
        r["service"] = "sshd"
    if r["phase"] == "account" and model.service_of(r) == "sudo":
        if not on["account-via-machine"] and any("via" in m for m in policy["machine"]):
            r["phase"] = "session"
    if (r["service"] == "sshd" and r["phase"] == "offer") or chance(rng, 0.02):
        if r["service"] == "sshd":
            r["want_line"] = chance(rng, 0.9)
    return r


def spoil(rng, r, policy, item, on):
    what = rng.choice(["key", "key", "key", "key", "from", "from", "from", "host", "service",
                       "account", "account", "at", "invoker", "invoker", "root", "exempt", "other",
                       "phase"])
    if what == "key":
        r["key"] = wrong_key(rng, policy)
    elif what == "from":
        r["from"] = rng.choice([None, "", some_from(rng, policy, item, on),
                                some_from(rng, policy, None, on), rng.choice(BAD_ADDRESSES)])
    elif what == "host":
        r["host"] = some_host(rng, policy, None)
    elif what == "service":
        r["service"] = rng.choice(["sshd", "login", "su", "sudo"])
        if r["phase"] == "offer" and r["service"] != "sshd":
            r["phase"] = "session"
    elif what == "account":
        r["account"] = rng.choice(ACCOUNTS + PERSONS + ["customer1", "Root"])
    elif what == "at":
        r["at"] = some_at(rng, policy, on)
    elif what == "invoker":
        r["invoker"] = rng.choice([None, "nagios", "www", "anna", "root", "{person}"])
        r["invoker_uid"] = rng.choice([None, 0, 1000])
    elif what == "root":
        r["invoker"], r["invoker_uid"] = "root", 0
        r["invoker_groups"] = rng.choice([[], ["root"]])
        if chance(rng, 0.7):
            r["service"] = rng.choice(["su", "sudo"])
    elif what == "exempt":
        r["service"] = rng.choice(EXEMPT + ["backup-agent", "vsftpd"])
        r["phase"] = rng.choice(["account", "account", "session", "auth"])
    elif what == "other":
        r["service"] = rng.choice(OTHER_SERVICES)
        r["phase"] = rng.choice(["account", "account", "account", "session"])
    elif what == "phase":
        r["phase"] = rng.choice(["session", "account", "auth"])


def request_line(rng, policy, without=()):
    """One JSON line: absent fields as null, "" or not at all, in any order."""
    r = request(rng, policy, without)
    for name in list(r):
        if r[name] in (None, []) and name != "account" and chance(rng, 0.5):
            del r[name]
        elif r[name] is None and name in ["from", "key"] and chance(rng, 0.2):
            r[name] = ""
    if r["phase"] == "session" and chance(rng, 0.2):
        del r["phase"]
    if "malformed" not in without and chance(rng, 0.01):
        return malformed_line(rng, r)
    names = list(r)
    if chance(rng, 0.2):
        rng.shuffle(names)
    return json.dumps({name: r[name] for name in names}, ensure_ascii=chance(rng, 0.5))


def malformed_line(rng, r):
    r["account"] = r["account"] or "root"
    kind = rng.randrange(9)
    if kind == 0:
        r["colour"] = rng.choice([None, "blue", 1])
    elif kind == 1:
        name, value = rng.choice([("uid", "0"), ("groups", "root"), ("groups", [0]), ("from", 5),
                                  ("want_line", "yes"), ("key", []), ("service", 1),
                                  ("account", ["root"]), ("phase", 1), ("host", False),
                                  ("invoker_uid", "0"), ("invoker_groups", {})])
        r[name] = value
    elif kind == 2:
        r["at"] = "2026-11-23T10:00:00"
    elif kind == 3:
        r["account"], r["phase"], r["service"] = None, "session", "sudo"
    elif kind == 4:
        r["account"], r["phase"], r["service"] = None, "auth", "su"
    elif kind == 5:
        del r[rng.choice(["service", "account"])]
        r["phase"] = "session"
    elif kind == 6:
        return json.dumps(r)[:-1]
    elif kind == 7:
        return rng.choice(["[]", '"root"', "null", "7", "{} {}", "{", "tom"])
    else:
        text = json.dumps(r)
        return text[:-1] + ', "host": ' + json.dumps(r["host"]) + "}"
    return json.dumps(r)


if __name__ == "__main__":
    import sys
    seed = sys.argv[1] if len(sys.argv) > 1 else "1"
    dice = random.Random(seed)
    text = policy_text(dice)
    print(text)
    for _ in range(10):
        print(request_line(dice, model.load(text)))
