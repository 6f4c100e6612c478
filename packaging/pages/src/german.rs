//! The German of every help text of `tom`.
//!
//! A test fails when a text has no row, or a row no text: whoever changes a help text changes it here too.

use crate::translation::Row;

/// Text and translation, in the order of the command line.
pub(crate) const GERMAN: &[Row] = &[
    (
        "Decide who may log in as an administrator, and say why",
        "Entscheidet, wer sich als Administrator anmelden darf, und sagt, warum",
    ),
    (
        "Decide who may log in as an administrator, and say why.\n\nExit codes: 0 fine or allowed, 1 findings or denied, \
         2 wrong usage, 3 could not check, 4 policy invalid.",
        "Entscheidet, wer sich als Administrator anmelden darf, und sagt, warum.\n\nRückgabewerte: 0 in Ordnung oder \
         erlaubt, 1 Befunde oder verweigert, 2 falscher Aufruf, 3 konnte nicht geprüft werden, 4 Richtlinie ungültig.",
    ),
    ("Print help", "Zeigt die Hilfe"),
    ("Print help (see a summary with '-h')", "Zeigt die Hilfe (kurz mit '-h')"),
    ("Print help (see more with '--help')", "Zeigt die Hilfe (mehr mit '--help')"),
    ("Print version", "Zeigt die Version"),
    // policy
    ("Check a policy, or compare two", "Prüft eine Richtlinie oder vergleicht zwei"),
    (
        "Tell everything that is wrong with a policy; evaluate its own tests",
        "Nennt alles, was an einer Richtlinie falsch ist; wertet ihre eigenen Tests aus",
    ),
    (
        "The policy [default: the candidate /etc/tom/policy.toml]",
        "Die Richtlinie [Vorgabe: der Entwurf /etc/tom/policy.toml]",
    ),
    (
        "Tell in words who gains and who loses what between two policies",
        "Sagt in Worten, wer zwischen zwei Richtlinien was gewinnt und was verliert",
    ),
    ("The policy before", "Die Richtlinie vorher"),
    ("The policy after", "Die Richtlinie nachher"),
    // access, explain, decide
    (
        "List everyone who may enter: how, from where, by which proof",
        "Nennt alle, die hineindürfen: wie, von wo, mit welchem Nachweis",
    ),
    ("Only this host", "Nur dieser Rechner"),
    ("Only this account", "Nur dieses Konto"),
    ("A policy file instead of the active policy", "Eine Richtlinie aus einer Datei statt der geltenden"),
    (
        "Say rule by rule why a login is allowed or denied",
        "Sagt Regel für Regel, warum eine Anmeldung erlaubt oder verweigert wird",
    ),
    ("The account to enter", "Das Konto, das betreten werden soll"),
    ("The PAM service: sshd, login, su, sudo or another", "Der PAM-Dienst: sshd, login, su, sudo oder ein anderer"),
    ("The client's address", "Die Adresse des Clients"),
    ("A file with the public key that is shown", "Eine Datei mit dem öffentlichen Schlüssel, der vorgezeigt wird"),
    ("Try the keys of this person", "Probiert die Schlüssel dieser Person"),
    ("Another host than this one", "Ein anderer Rechner als dieser"),
    (
        "Another moment than now, such as 2026-11-23T10:00:00Z",
        "Ein anderer Zeitpunkt als jetzt, etwa 2026-11-23T10:00:00Z",
    ),
    ("The account that calls su or sudo", "Das Konto, das su oder sudo aufruft"),
    (
        "Answer requests: one JSON request a line on stdin, one JSON decision a line on stdout",
        "Beantwortet Anfragen: eine JSON-Anfrage je Zeile auf der Standardeingabe, eine JSON-Entscheidung je Zeile \
         auf der Standardausgabe",
    ),
    // evidence
    (
        "Check what proves that a key lives in a PIN-protected token",
        "Prüft, was beweist, dass ein Schlüssel in einem Token mit PIN liegt",
    ),
    (
        "Say what an attestation proves of a key, and what not",
        "Sagt, was eine Attestierung über einen Schlüssel beweist, und was nicht",
    ),
    ("The form of the evidence", "Die Form des Nachweises"),
    ("What ssh-keygen -O write-attestation wrote", "Was ssh-keygen -O write-attestation geschrieben hat"),
    ("Certificates of a slot and of the device", "Zertifikate eines Slots und des Geräts"),
    (
        "Certificates of an OpenPGP card: explained, never a proof of a PIN",
        "Zertifikate einer OpenPGP-Karte: werden erklärt, sind nie ein Beweis für eine PIN",
    ),
    ("The public key (.pub)", "Der öffentliche Schlüssel (.pub)"),
    (
        "PIV: the certificate that the token made for the slot, PEM or DER",
        "PIV: das Zertifikat, das der Token für den Slot ausgestellt hat, PEM oder DER",
    ),
    ("PIV: the certificate of the device (f9), PEM or DER", "PIV: das Zertifikat des Geräts (f9), PEM oder DER"),
    ("FIDO: the attestation", "FIDO: die Attestierung"),
    ("FIDO: the challenge that it answers", "FIDO: die Challenge, auf die sie antwortet"),
    ("One line of JSON instead of a page", "Eine Zeile JSON statt einer Seite"),
    // enroll
    ("Enrol a person's new token, step by step", "Nimmt den neuen Token einer Person auf, Schritt für Schritt"),
    (
        "A FIDO token: ssh-keygen makes a key that needs its PIN and touch",
        "Ein FIDO-Token: ssh-keygen erzeugt einen Schlüssel, der PIN und Berührung verlangt",
    ),
    ("A PIV token: the key is made in one of its slots", "Ein PIV-Token: der Schlüssel entsteht in einem seiner Slots"),
    ("The person, by the id in the policy", "Die Person, nach ihrer id in der Richtlinie"),
    ("What the person calls the token, such as blue", "Wie die Person den Token nennt, etwa blue"),
    (
        "The policy; evidence goes into evidence/ beside it [default: the candidate /etc/tom/policy.toml]",
        "Die Richtlinie; Nachweise kommen nach evidence/ daneben [Vorgabe: der Entwurf /etc/tom/policy.toml]",
    ),
    (
        "Append the entry to the policy instead of printing it",
        "Hängt den Eintrag an die Richtlinie an, statt ihn auszugeben",
    ),
    (
        "Where the key's file goes [default: ~/.ssh/id_tom_LABEL]",
        "Wohin die Datei des Schlüssels kommt [Vorgabe: ~/.ssh/id_tom_LABEL]",
    ),
    ("A P-256 key, for tokens without Ed25519", "Ein P-256-Schlüssel, für Token ohne Ed25519"),
    (
        "Keep the key's handle on the token, so that 'ssh-keygen -K' finds it on another workstation",
        "Behält den Verweis auf den Schlüssel im Token, so dass 'ssh-keygen -K' ihn auf einem anderen Arbeitsplatz \
         findet",
    ),
    ("The FIDO application; it begins with ssh:", "Die FIDO-Anwendung; sie beginnt mit ssh:"),
    ("Where the key goes: 9a, 9c, 9d, 9e or 82 to 95", "Wohin der Schlüssel kommt: 9a, 9c, 9d, 9e oder 82 bis 95"),
    (
        "The kind of key: ecc-p256, ecc-p384, rsa-2048, rsa-3072 or rsa-4096",
        "Die Art des Schlüssels: ecc-p256, ecc-p384, rsa-2048, rsa-3072 oder rsa-4096",
    ),
    ("When the PIN is needed: once or always", "Wann die PIN nötig ist: once (einmal) oder always (immer)"),
    (
        "When the token must be touched: never, cached (15 seconds) or always",
        "Wann der Token berührt werden muss: never (nie), cached (gilt 15 Sekunden) oder always (immer)",
    ),
    ("The token in this reader", "Der Token in diesem Lesegerät"),
    ("The token with this serial number", "Der Token mit dieser Seriennummer"),
    (
        "Replace what is in the slot; the key there is gone for ever",
        "Ersetzt, was im Slot ist; der Schlüssel dort ist für immer verloren",
    ),
    // apply, confirm, rollback
    (
        "Make the candidate /etc/tom/policy.toml the active policy",
        "Macht den Entwurf /etc/tom/policy.toml zur geltenden Richtlinie",
    ),
    ("Without waiting for a confirmation", "Ohne auf eine Bestätigung zu warten"),
    (
        "Let a second check, a minute later, confirm instead of a person (for automation)",
        "Lässt eine zweite Prüfung eine Minute später bestätigen statt einer Person (für Automatisierung)",
    ),
    (
        "How long to wait for 'tom confirm' before everything is undone, in seconds",
        "Wie lange auf 'tom confirm' gewartet wird, bevor alles zurückgenommen wird, in Sekunden",
    ),
    (
        "Who you are, by the id in the policy, where nobody has come in by token yet",
        "Wer Sie sind, nach der id in der Richtlinie, wo noch niemand mit einem Token hereingekommen ist",
    ),
    ("Only show what would change, and for whom", "Zeigt nur, was sich ändern würde und für wen"),
    (
        "Even if nobody could log in any more; logged as an alarm",
        "Auch wenn sich niemand mehr anmelden könnte; wird als Alarm protokolliert",
    ),
    (
        "Leave the policy's keys behind as plain lines for sshd, so that administrators still get in without tom",
        "Die Schlüssel der Richtlinie als einfache Zeilen für sshd zurücklassen, damit Administratoren auch ohne tom hineinkommen",
    ),
    (
        "Even if you, or all but one, could not log in any more; logged as an alarm",
        "Auch wenn Sie oder alle bis auf einen sich nicht mehr anmelden könnten; wird als Alarm protokolliert",
    ),
    (
        "Confirm the last change of policy or configuration, from a new login; without it the change is undone",
        "Bestätigt die letzte Änderung an Richtlinie oder Konfiguration, aus einer neuen Anmeldung heraus; sonst wird \
         sie zurückgenommen",
    ),
    (
        "Undo the last change: one that waits for its confirmation, else the policy before comes back",
        "Nimmt die letzte Änderung zurück: eine, die auf ihre Bestätigung wartet, sonst kommt die vorige Richtlinie \
         wieder",
    ),
    (
        "Only a change whose time to be confirmed is over (called by the timer, and when the host starts)",
        "Nur eine Änderung, deren Frist zur Bestätigung abgelaufen ist (ruft der Timer auf, und der Rechner beim Start)",
    ),
    // enable, disable, doctor
    ("Let sshd and PAM of this host ask tom", "Lässt sshd und PAM dieses Rechners tom fragen"),
    (
        "Decide and log what would be refused, and refuse nothing",
        "Entscheidet und protokolliert, was verweigert würde, und verweigert nichts",
    ),
    (
        "Take tom's lines out of sshd and PAM of this host",
        "Nimmt die Zeilen von tom aus sshd und PAM dieses Rechners heraus",
    ),
    (
        "Say what is wrong with this host: every way to become an administrator that does not pass tom",
        "Sagt, was an diesem Rechner nicht stimmt: jeden Weg, Administrator zu werden, der tom nicht passiert",
    ),
    ("How findings are written", "Wie Befunde ausgegeben werden"),
    ("For people", "Für Menschen"),
    ("For programs", "Für Programme"),
    ("One line and an exit code for Nagios and Icinga", "Eine Zeile und ein Rückgabewert für Nagios und Icinga"),
    ("The same as --format json", "Dasselbe wie --format json"),
    // revoke
    ("Take a lost token out on this host, at once", "Sperrt einen verlorenen Token auf diesem Rechner, sofort"),
    (
        "A person's id (all keys), PERSON:LABEL, a fingerprint SHA256:…, or a file with the public key",
        "Die id einer Person (alle Schlüssel), PERSON:LABEL, ein Fingerabdruck SHA256:… oder eine Datei mit dem \
         öffentlichen Schlüssel",
    ),
    ("Let it count again", "Lässt ihn wieder gelten"),
    ("End the sessions that were opened with it", "Beendet die Sitzungen, die damit geöffnet wurden"),
    ("Why, for the journal and the list", "Warum, für das Journal und die Liste"),
];
