//! Single defects, each made for real on a host on which otherwise nothing is wrong: `tom doctor` names each by its id,
//! and nothing else.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use tom_tests::examined::{Examined, sound};
use tom_tests::{Host, Release};

/// What a defect shows as: ids of findings, of notes, of what is not known.
struct Shows {
    findings: &'static [&'static str],
    notes: &'static [&'static str],
    unknown: &'static [&'static str],
}

fn expect(host: &Host, script: &str, shows: &Shows) {
    host.run(["sh", "-ec", script]).expect_success();
    let examined = Examined::of(host);
    let mut found = examined.ids();
    found.sort_unstable();
    found.dedup();
    let context = format!("after {script}\n{:#}", examined.document);
    assert_eq!(found, shows.findings, "{context}");
    assert_eq!(examined.notes(), shows.notes, "{context}");
    assert_eq!(examined.unknown(), shows.unknown, "{context}");
    let code = match (shows.findings.is_empty(), shows.unknown.is_empty()) {
        (false, _) => 1,
        (true, false) => 3,
        (true, true) => 0,
    };
    assert_eq!(examined.status, Some(code), "{context}");
    for finding in examined.findings() {
        for part in ["what", "why", "fix"] {
            assert!(finding[part].as_str().is_some_and(|text| !text.is_empty()), "{part} of {finding}");
        }
    }
}

/// A line of the table: the name of the test, how the defect is made, and what it shows as.
macro_rules! defects {
    ($($release:ident $name:ident: $script:expr => [$($finding:literal),*] $(note $note:literal)* $(unknown $unknown:literal)*;)*) => { $(
        #[test]
        fn $name() {
            tom_tests::run_on(Release::$release, |release| {
                let host = sound(release).start();
                let shows = Shows { findings: &[$($finding),*], notes: &[$($note),*], unknown: &[$($unknown),*] };
                expect(&host, $script, &shows);
            });
        }
    )* };
}

defects! {
    // sshd
    Bookworm authorized_keys_file: "printf 'Match User root\n AuthorizedKeysFile .ssh/authorized_keys\n' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-authorized-keys-file"];
    Trixie authorized_keys_file_13: "printf 'Match User root\n AuthorizedKeysFile .ssh/authorized_keys\n' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-authorized-keys-file"];
    Bookworm certificate_authority: "printf 'Match User deploy\n TrustedUserCAKeys /etc/ssh/ca.pub\n' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-trusted-user-ca-keys"];
    Bookworm password_for_a_network: "printf 'Match Address 10.0.0.0/8\n PasswordAuthentication yes\n' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-password-authentication"];
    Trixie password_for_a_network_13: "printf 'Match Address 10.0.0.0/8\n PasswordAuthentication yes\n' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-password-authentication"];
    Bookworm keyboard_interactive: "printf 'Match LocalAddress 192.0.2.1\n KbdInteractiveAuthentication yes\n' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-kbd-interactive-authentication"];
    Bookworm use_pam: "echo 'UsePAM no' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-use-pam"];
    Bookworm use_dns: "echo 'UseDNS yes' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-use-dns"];
    Trixie pam_service_name: "echo 'PAMServiceName other' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-pam-service-name"];
    Bookworm no_drop_in: "rm /etc/ssh/sshd_config.d/10-tom.conf" => ["sshd-drop-in"];
    Bookworm no_include: "sed -i /^Include/d /etc/ssh/sshd_config" => ["sshd-drop-in"];
    Bookworm account_not_covered: "useradd -o -u 0 -g users toor" => ["sshd-account-not-covered", "uid-0-alias"];
    Bookworm other_command: "printf 'Match LocalPort 2222\n AuthorizedKeysCommand /usr/bin/other %%u\n' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-authorized-keys-command"];
    Bookworm other_command_user: "printf 'Match User root\n AuthorizedKeysCommandUser root\n' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-authorized-keys-command-user"];
    Bookworm no_root_login: "echo 'PermitRootLogin no' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-permit-root-login"];
    Trixie no_root_login_13: "echo 'PermitRootLogin no' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-permit-root-login"];
    Bookworm allow_users: "echo 'AllowUsers acme deploy archive' >>/etc/ssh/sshd_config" => ["sshd-allow-users"];
    Bookworm allow_users_from: "echo 'AllowUsers *@10.* deploy archive' >>/etc/ssh/sshd_config" => ["sshd-allow-users"];
    Bookworm deny_groups: "echo 'DenyGroups root' >>/etc/ssh/sshd_config" => ["sshd-deny-groups"];
    Bookworm force_command: "printf 'Match User root\n ForceCommand /bin/false\n' >>/etc/ssh/sshd_config" => ["sshd-force-command"];
    Bookworm chroot_directory: "printf 'Match Group root\n ChrootDirectory /srv\n' >>/etc/ssh/sshd_config" => ["sshd-chroot-directory"];
    Bookworm no_pin_option: "printf 'Match User root\n PubkeyAuthOptions none\n' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-pubkey-auth-options"];
    Bookworm any_method: "printf 'Match Address 198.51.100.*\n AuthenticationMethods any\n' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-authentication-methods"];
    Bookworm host_based: "printf 'Match User root\n HostbasedAuthentication yes\n' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-hostbased-authentication"];
    Bookworm no_token_algorithms: "echo 'PubkeyAcceptedAlgorithms ssh-ed25519' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-pubkey-accepted-algorithms"];
    Bookworm user_environment: "echo 'PermitUserEnvironment yes' >>/etc/ssh/sshd_config" => ["sshd-permit-user-environment"];
    Bookworm broken_configuration: "echo 'Nonsense yes' >/etc/ssh/sshd_config.d/05-x.conf" => ["sshd-configuration"];
    Bookworm second_sshd: "printf 'UsePAM yes\nUseDNS no\n' >/etc/ssh/other; /usr/sbin/sshd -f /etc/ssh/other -p 2200 -o PidFile=/run/other.pid" => ["sshd-account-not-covered"];
    Trixie second_sshd_13: "printf 'UsePAM yes\nUseDNS no\n' >/etc/ssh/other; /usr/sbin/sshd -f /etc/ssh/other -p 2200 -o PidFile=/run/other.pid" => ["sshd-account-not-covered"];
    Bookworm option_on_the_command_line: "/usr/sbin/sshd -p 2200 -o UsePAM=no -o PidFile=/run/other.pid" => ["sshd-use-pam"];

    // PAM
    Bookworm no_account_line: "sed -i /pam_tom/d /etc/pam.d/common-account" => ["pam-account-missing", "pam-service-without-tom"];
    Bookworm no_session_line: "sed -i /pam_tom/d /etc/pam.d/common-session" => ["pam-session-missing"];
    Bookworm no_session_line_for_sudo: "sed -i /pam_tom/d /etc/pam.d/common-session-noninteractive" => ["pam-session-missing"];
    Trixie no_session_line_for_sudo_13: "sed -i /pam_tom/d /etc/pam.d/common-session-noninteractive" => ["pam-session-missing"];
    Bookworm no_auth_line: "sed -i '/^auth.*pam_tom/d' /etc/pam.d/sudo" => ["pam-auth-missing"];
    Bookworm no_account_line_of_sudo: "sed -i '/^account.*pam_tom/d' /etc/pam.d/sudo" => ["pam-sudo-without-module"];
    Bookworm auth_line_of_su: "sed -i /pam_tom/d /etc/pam.d/su" => ["pam-auth-missing"];
    Bookworm sufficient_ahead: "sed -i '1i account sufficient pam_localuser.so' /etc/pam.d/sshd" => ["pam-bypass"];
    Trixie sufficient_ahead_13: "sed -i '1i account sufficient pam_localuser.so' /etc/pam.d/sshd" => ["pam-bypass"];
    Bookworm jump_too_far: "sed -i '1i session [success=20 default=ignore] pam_permit.so' /etc/pam.d/common-session" => ["pam-shut"];
    Bookworm jump_to_the_end: "sed -i '1i session [success=5 default=ignore] pam_succeed_if.so uid ge 0' /etc/pam.d/common-session; echo 'session required pam_permit.so' >>/etc/pam.d/common-session" => ["pam-bypass"];
    Bookworm trusted_group: "sed -i '1i auth sufficient pam_wheel.so trust' /etc/pam.d/su" => ["pam-bypass"];
    Bookworm default_ignore: "sed -i '/pam_tom/s/default=bad/default=ignore/' /etc/pam.d/common-account" => ["pam-refusal-not-final"];
    Trixie default_ignore_13: "sed -i '/pam_tom/s/default=bad/default=ignore/' /etc/pam.d/common-account" => ["pam-refusal-not-final"];
    Bookworm optional: "sed -i '/pam_tom/s/\\[.*\\]/optional/' /etc/pam.d/common-session" => ["pam-refusal-not-final"];
    Bookworm debian_style_auth: "sed -i 's/^auth.*pam_tom.*/auth [success=2 default=ignore] pam_tom.so/' /etc/pam.d/login" => ["pam-refusal-not-final"];
    Bookworm only_module: "grep pam_tom /etc/pam.d/common-account >/tmp/x; cp /tmp/x /etc/pam.d/common-account" => ["pam-only-module"];
    Bookworm observe_line: "sed -i '/pam_tom/s/$/ observe/' /etc/pam.d/common-session-noninteractive" => ["pam-observe-line", "pam-session-missing"];
    Bookworm unknown_option: "sed -i '/pam_tom/s/$/ debug/' /etc/pam.d/common-account" => ["pam-unknown-option"];
    Bookworm service_of_its_own: "printf 'auth required pam_unix.so\naccount required pam_unix.so\n' >/etc/pam.d/vsftpd" => ["pam-service-without-tom"];
    Bookworm missing_module: "sed -i '1i auth required pam_nothing.so' /etc/pam.d/sudo" => ["pam-module-missing"];
    Bookworm missing_include: "echo '@include common-nothing' >>/etc/pam.d/su" => ["pam-fault"];
    Bookworm no_module: "rm /usr/lib/*-linux-gnu/security/pam_tom.so" => ["module-missing"];
    Bookworm truncated_module: "truncate -s 100000 /usr/lib/*-linux-gnu/security/pam_tom.so" => ["module-damaged"];
    Bookworm other_module: "cd /usr/lib/*-linux-gnu/security; echo twenty bytes of text >pam_tom.so" => ["module-damaged"];
    Bookworm other_architecture: "printf '\\003' | dd of=$(echo /usr/lib/*-linux-gnu/security/pam_tom.so) bs=1 seek=18 conv=notrunc 2>/dev/null" => ["module-other-architecture"];

    // Accounts
    Bookworm second_root: "useradd -o -u 0 -g 0 toor" => ["uid-0-alias"];
    Bookworm twin: "useradd -o -u 2101 twin" => ["same-uid-as-governed"];
    Bookworm docker_group: "groupadd docker; usermod -aG docker nagios" => ["admin-group-member"];
    Bookworm shadow_group: "usermod -aG shadow acme" => ["root-equivalent-group"];
    Bookworm empty_password: "passwd -d deploy" => ["password-empty"];
    Bookworm root_password: "echo root:SECRETPASSWORD | chpasswd" => [] note "emergency-shell" note "password-set";

    // sudo
    Bookworm no_pam_session: "echo 'Defaults !pam_session' >/etc/sudoers.d/x" => ["sudo-pam-session"];
    Trixie no_pam_session_13: "echo 'Defaults !pam_session' >/etc/sudoers.d/x" => ["sudo-pam-session"];
    Bookworm pam_service: "echo 'Defaults pam_service=other' >/etc/sudoers.d/x" => ["sudo-pam-service"];
    Bookworm not_authenticating: "echo 'Defaults:acme !authenticate' >/etc/sudoers.d/x" => ["sudo-not-authenticating"];
    Bookworm long_tickets: "echo 'Defaults timestamp_timeout=-1' >/etc/sudoers.d/x" => ["sudo-tickets"];
    Bookworm global_tickets: "echo 'Defaults timestamp_type=global' >/etc/sudoers.d/x" => ["sudo-tickets"];
    Bookworm sudoedit: "echo 'acme ALL=(root) sudoedit /etc/motd' >/etc/sudoers.d/x" => ["sudo-edit", "sudo-without-grant"];
    Bookworm nopasswd_all: "echo 'acme ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/x" => ["sudo-edit", "sudo-without-grant"];
    Bookworm run_as_group: "echo 'acme ALL=(:disk) /bin/cat' >/etc/sudoers.d/x" => ["sudo-run-as-group"];
    Trixie run_as_group_13: "echo 'acme ALL=(:disk) /bin/cat' >/etc/sudoers.d/x" => ["sudo-run-as-group"];
    Bookworm without_grant: "echo 'acme ALL=(root) /usr/bin/id' >/etc/sudoers.d/x" => ["sudo-without-grant"];
    Bookworm machine: "echo 'nagios ALL=(root) NOPASSWD: /usr/bin/id' >/etc/sudoers.d/x" => [] note "sudo-machine";
    Bookworm machine_everything: "echo 'nagios ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/x" => ["sudo-edit", "sudo-machine"];
    Bookworm broken_sudoers: "echo 'nonsense (' >/etc/sudoers.d/x" => [] unknown "sudoers";
    Bookworm sudoers_in_ldap: "echo 'sudoers: files sss' >>/etc/nsswitch.conf" => [] unknown "sudoers";
    Bookworm sudoers_without_cvtsudoers: "rm /usr/bin/cvtsudoers; echo 'acme ALL=(:disk) /bin/cat' >/etc/sudoers.d/x" => ["sudo-run-as-group"];
    Bookworm broken_sudoers_without_cvtsudoers: "rm /usr/bin/cvtsudoers; echo 'nonsense (' >/etc/sudoers.d/x" => [] unknown "sudoers";

    // Other ways to root
    Bookworm polkit_administrator: "mkdir -p /etc/polkit-1/rules.d; echo 'polkit.addAdminRule(function() { return [\"unix-user:acme\"]; });' >/etc/polkit-1/rules.d/10-x.rules" => ["polkit-administrator"];
    Bookworm polkit_rule: "mkdir -p /etc/polkit-1/rules.d; echo 'polkit.addRule(function() { return polkit.Result.YES; });' >/etc/polkit-1/rules.d/10-x.rules" => ["polkit-rule"];
    Bookworm dropbear: "cp /bin/sleep /usr/sbin/dropbear; setsid /usr/sbin/dropbear 60 >/dev/null 2>&1 &" => ["other-daemon"];
    Bookworm new_setuid: "tom doctor >/dev/null; cp /bin/true /usr/local/bin/x; chmod 4755 /usr/local/bin/x" => ["setuid-new"];
    Bookworm new_setgid: "tom doctor >/dev/null; groupadd docker; tom doctor >/dev/null; cp /bin/true /opt/x; chgrp docker /opt/x; chmod 2755 /opt/x" => ["setuid-new"];
    Bookworm setuid_on_a_packages_program: "tom doctor >/dev/null; chmod u+s /usr/bin/gpgv /usr/bin/chmod" => ["setuid-new"];
    Bookworm setuid_shell: "chmod u+s /bin/bash" => ["setuid-shell"];
    Bookworm forced_sulogin: "mkdir -p /etc/systemd/system/rescue.service.d; printf '[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE=1\n' >/etc/systemd/system/rescue.service.d/x.conf" => ["emergency-shell-open"];
    Bookworm debug_shell: "mkdir -p /etc/systemd/system/sysinit.target.wants; ln -s /usr/lib/systemd/system/debug-shell.service /etc/systemd/system/sysinit.target.wants/" => ["debug-shell"];
    Bookworm autologin: "mkdir -p /etc/systemd/system/getty@tty1.service.d; printf '[Service]\nExecStart=-/sbin/agetty --autologin root %%I\n' >/etc/systemd/system/getty@tty1.service.d/x.conf" => ["console-autologin"];

    // What logins are decided by
    Bookworm damaged_policy: "truncate -s 100 /var/lib/tom/active/resolved" => ["policy-unusable"];
    Bookworm no_policy: "rm -r /var/lib/tom/active" => ["policy-unusable"];
    Bookworm damaged_revocations: "install -m 640 -g _tom /dev/null /var/lib/tom/revoked; echo nonsense >/var/lib/tom/revoked" => ["hook-fails", "policy-unusable"];
    Bookworm other_text: "echo '# x' >>/var/lib/tom/active/policy.toml" => ["policy-text"] note "candidate-differs";
    Bookworm damaged_fallback: "truncate -s 100 /var/lib/tom/fallback" => ["fallback"];
    Bookworm no_governed_list: "rm /etc/tom/governed" => ["governed-list"];
    Bookworm left_behind: "mkdir -m 700 /var/lib/tom/active.new" => ["left-behind"];
    Bookworm another_host: "echo 'id = \"web2.example.net\"' >/etc/tom/host.toml" => ["policy-of-another-host"];
    Bookworm console_by_password: "printf '[break-glass]\nconsole = \"password\"\n' >/etc/tom/host.toml" => [] note "break-glass-console";
    Bookworm candidate: "echo '# x' >>/etc/tom/policy.toml" => [] note "candidate-differs";
    Bookworm pending: "mkdir -p -m 700 /var/lib/tom/rollback /var/lib/tom/rollback/pending" => ["change-pending"];
    Bookworm no_rollback_unit: "mkdir -p /run/systemd/system" => ["rollback-unit"];
    Bookworm disabled_rollback_unit: "mkdir -p /run/systemd/system /usr/lib/systemd/system; touch /usr/lib/systemd/system/tom-rollback.service /usr/lib/systemd/system/tom-rollback-at-boot.service" => ["rollback-unit"];
    Bookworm masked_rollback_unit: "mkdir -p /run/systemd/system; ln -s /dev/null /etc/systemd/system/tom-rollback.service" => ["rollback-unit"];
    Bookworm enabled_rollback_unit: "mkdir -p /run/systemd/system /usr/lib/systemd/system /etc/systemd/system/multi-user.target.wants; cd /usr/lib/systemd/system; touch tom-rollback.service tom-rollback-at-boot.service; ln -s $PWD/tom-rollback-at-boot.service /etc/systemd/system/multi-user.target.wants/" => [];
    Bookworm stopped_change: "mkdir -p -m 700 /var/lib/tom/rollback /var/lib/tom/rollback/pending.new" => ["left-behind"];
    Bookworm stopped_drop_in: "touch /etc/ssh/sshd_config.d/10-tom.conf.new" => ["left-behind"];
    Bookworm left_keys: "mkdir /etc/ssh/tom-left-keys" => [] note "left-keys";
    Bookworm revoked_break_glass: "grep -o 'sk-ecdsa[^ \"]* [^ \"]*' /etc/tom/policy.toml >/tmp/k; install -m 640 -g _tom /tmp/k /var/lib/tom/revoked" => ["break-glass-missing"];

    // tom's own files and user
    Bookworm writable_directory: "chmod g+w /var/lib/tom" => ["file-writable", "policy-unusable"] unknown "mode" unknown "setuid-record";
    Bookworm writable_candidate: "chown acme /etc/tom/policy.toml" => ["file-writable"];
    Bookworm writable_stack: "chmod o+w /etc/pam.d/sshd" => ["file-writable"];
    Bookworm readable_fallback: "chmod o+r /var/lib/tom/fallback" => ["file-readable"];
    Bookworm unreadable_policy: "chgrp root /var/lib/tom/active/resolved" => ["file-unreadable", "hook-fails"];
    Bookworm no_hook: "rm /usr/lib/tom/tom-authorized-keys" => ["file-missing"];
    Bookworm broken_hook: "printf '#!/bin/sh\nexit 1\n' >/usr/lib/tom/tom-authorized-keys" => ["hook-fails"];
    Bookworm hanging_hook: "printf '#!/bin/sh\nsleep 60\n' >/usr/lib/tom/tom-authorized-keys" => ["hook-fails"];
    Bookworm no_user: "userdel _tom" => ["tom-user-missing"];
    Bookworm user_with_shell: "usermod -s /bin/sh _tom" => ["tom-user-shell"];
    Bookworm user_with_home: "mkdir /home/_tom; usermod -d /home/_tom _tom" => ["tom-user-home"];
    Bookworm half_configured: "printf '\nPackage: tom\nStatus: install ok half-configured\nMaintainer: x\nArchitecture: amd64\nVersion: 0.1.0-1\nDescription: x\n' >>/var/lib/dpkg/status" => ["package-state"];
    Bookworm other_version: "printf '\nPackage: tom\nStatus: install ok installed\nMaintainer: x\nArchitecture: amd64\nVersion: 9.0-1\nDescription: x\n' >>/var/lib/dpkg/status" => ["version-differs"];

    // Clock, surroundings, mode
    Bookworm clock_adrift: "printf '#!/bin/sh\necho no\n' >/usr/bin/timedatectl" => ["clock-not-synchronised"];
    Bookworm clock_unknown: "rm /usr/bin/timedatectl" => [] unknown "clock-synchronised";
    Bookworm clock_of_a_container: "printf '#!/bin/sh\necho no\n' >/usr/bin/timedatectl; mkdir -p /run/systemd; echo nspawn >/run/systemd/container" => [];
    Bookworm dropbear_in_a_container: "cp /bin/sleep /usr/sbin/dropbear; setsid unshare --pid --fork /usr/sbin/dropbear 60 >/dev/null 2>&1 &" => [];
    Bookworm environment_file: "echo 'TOM_PERSON=anna' >/root/.pam_environment" => ["environment-file"];
    Bookworm keys_left: "mkdir -p /root/.ssh; echo 'ssh-ed25519 AAAA' >/root/.ssh/authorized_keys" => [] note "authorized-keys-left";
    Bookworm mode_unknown: "echo 'mode = \"enforced\"' >/var/lib/tom/enabled" => [] unknown "mode";
    Bookworm not_enabled: "rm /var/lib/tom/enabled" => ["not-enabled", "pam-line-left"];
    Bookworm only_observing: "sed -i s/enforce/observe/ /var/lib/tom/enabled" => ["observing", "pam-enforcing-line", "pam-observe-missing"] unknown "events" unknown "would-refuse";
}
