//! A login on the distribution's sshd with the key of a PIV card, which ssh-agent asks for each signature.

#![allow(clippy::expect_used, reason = "a test says what it expects")]

use simulated_piv_card::bench::{OPENSC_PKCS11, Pcscd, obstacle};
use simulated_piv_card::{Card, Lie};
use tom_tests::{Bench, on_each_release};

const PIN: &str = "471147";
const AGENT: &str = "/run/bench/agent";

on_each_release! {
    /// The agent is beside pcscd, ssh and sshd are on the host: as with a token in an administrator's laptop.
    fn ssh_logs_in_with_the_card(release) {
        if let Some(reason) = obstacle() {
            return tom_tests::skipped(&reason);
        }
        let pcscd = Pcscd::start();
        let inserted = pcscd.insert(Card::new(1).with_pin(PIN).with_key(0x9a));
        let keys = pcscd.public_keys(OPENSC_PKCS11).join("\n");
        let host = Bench::on(release).without_tom().start();
        host.authorized_keys("anna", &keys);

        let agent = pcscd.agent(&host.path(AGENT), OPENSC_PKCS11, PIN).expect("the agent takes the key");
        let login = |command: &str| {
            host.ssh("anna").option("IdentityAgent=/run/bench/agent").option("IdentitiesOnly=no").run(command)
        };
        let allowed = login("id -un");
        assert_eq!(allowed.stdout, "anna\n", "{allowed:#?} {:?}", inserted.log().lines());
        assert_eq!(inserted.log().count("sign 9a"), 1, "{:?}", inserted.log().lines());
        assert_eq!(inserted.log().count("verify wrong"), 0, "{:?}", inserted.log().lines());

        // A pulled card signs nothing, whatever the agent remembers.
        drop(inserted);
        assert_ne!(login("id -un").status, Some(0));
        drop(agent);

        let _blocked = pcscd.insert(Card::new(1).with_pin(PIN).with_key(0x9a).lying(Lie::Blocked));
        assert!(pcscd.agent(&host.path(AGENT), OPENSC_PKCS11, PIN).is_err());
    }
}
