# What goes before the files go: tom's lines in PAM, then in sshd. Twice in the package, in prerm and in postrm: dpkg
# calls no prerm for a package that is unpacked and not configured. `tom disable --for-removal` comes first and knows
# more; this does the same with nothing but a shell, on whatever is left. It may be killed at any line, and run again.

tell() {
    echo "tom: $*" >&2
}

# A file of PAM without the lines that name the module. Where a jump ([success=2 …]) of a line above counts ours, one
# that does nothing takes its place: else the jump would skip the module after it.
without_module() {
    # shellcheck disable=SC2016 # awk's own variables
    awk '
        { text = text $0 "\n"; entry = entry $0 }
        sub(/\\$/, " ", entry) { next }
        {
            sub(/#.*/, "", entry)
            gsub(/\[/, " [", entry)
            split(entry, fields)
            type = tolower(fields[1])
            sub(/^-/, "", type)
            if (entry !~ /pam_tom\.so/)
                printf "%s", text
            else if (seen[type] < reach[type])
                printf "%s\t[default=ignore]\tpam_permit.so\n", type
            seen[type]++
            # Jumps stand in the control alone.
            entry = substr(entry, index(entry " [", "["))
            entry = substr(entry, 1, index(entry "]", "]"))
            while (match(entry, /=[0-9]+/)) {
                jump = seen[type] + substr(entry, RSTART + 1, RLENGTH - 1)
                if (jump > reach[type]) reach[type] = jump
                entry = substr(entry, RSTART + RLENGTH)
            }
            text = entry = ""
        }
        END { printf "%s", text }' "$1"
}

# A last line without an end stays so.
as_it_ended() {
    [ -z "$(tail -c 1 "$1")" ] || truncate --size=-1 "$2"
}

take_out_of_pam() {
    if command -v pam-auth-update >/dev/null; then
        pam-auth-update --package --remove tom tom-observe || tell "pam-auth-update failed; going on without it"
    fi
    # Also what pam-auth-update leaves in a common-* that was edited by hand.
    for file in /etc/pam.d/*; do
        { [ -f "$file" ] && grep -q 'pam_tom\.so' "$file"; } || continue
        file=$(readlink -f "$file")
        new=${file%/*}/.${file##*/}.tom-new
        # A copy first: it has the owner, the mode and whatever else the file has.
        if cp --preserve=all "$file" "$new" && without_module "$file" >"$new" && as_it_ended "$file" "$new" &&
            sync "$new"; then
            cmp -s "$file" "$new" || mv -f "$new" "$file" || tell "$file could not be replaced"
        else
            tell "$file could not be written anew"
        fi
        rm -f "$new" || true
    done
}

reload_sshd() {
    if [ -d /run/systemd/system ] && systemctl --quiet is-active ssh.service; then
        systemctl reload ssh.service && return 0
        tell "'systemctl reload ssh' failed: the running sshd still asks tom. Mend its configuration and reload it"
        return 0
    fi
    pid=$(cat /run/sshd.pid 2>/dev/null) || return 0
    case "$(readlink "/proc/$pid/exe" 2>/dev/null)" in
        */sshd | */sshd' (deleted)') ;;
        *) return 0 ;;
    esac
    if /usr/sbin/sshd -t; then
        kill -HUP "$pid" || true
    else
        tell "sshd does not take its configuration, so it was not reloaded and still asks tom. Mend it and reload sshd"
    fi
}

take_out_of_sshd() {
    drop_in=/etc/ssh/sshd_config.d/10-tom.conf
    # The mark of a host that is enabled goes last: a run after one that was killed here reloads sshd again.
    reload=no
    [ ! -e /var/lib/tom/enabled ] || reload=yes
    if [ -f "$drop_in" ] && head -n 1 "$drop_in" | grep -q '^# tom: '; then
        reload=yes
        rm -f "$drop_in" || tell "$drop_in could not be removed"
    fi
    [ "$reload" = no ] || reload_sshd
}

# Does a line of PAM's ask our module, and is it still there to answer?
asks_module() {
    grep -sqE '^[^#]*pam_tom\.so' /etc/pam.d/* || return 1
    for module in /usr/lib/*/security/pam_tom.so; do
        [ ! -e "$module" ] || return 0
    done
    return 1
}

# What still names our files. With the files gone, these lines would lock administrators out, or everybody.
lines_left() {
    grep -sHE '^[^#]*pam_tom\.so' /etc/pam.d/* || true
    grep -sHE '^[^#]*/usr/lib/tom/tom-authorized-keys' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf || true
}

take_out() {
    # No timer may bring the lines back meanwhile.
    if [ -d /run/systemd/system ]; then
        systemctl stop tom-rollback.timer tom-confirm.timer 2>/dev/null || true
    fi
    if [ -x /usr/bin/tom ]; then
        removal=0
        timeout 120 /usr/bin/tom disable --for-removal || removal=$?
        # It says why, and has changed nothing: nobody could log in any more.
        [ "$removal" != 1 ] || return 1
    fi
    take_out_of_pam
    # sshd's lines hold administrators in as long as PAM asks a module that is there.
    if asks_module; then
        tell "PAM still asks for a token, so sshd's lines stay as well"
    else
        take_out_of_sshd
    fi
    if [ -z "$(lines_left)" ]; then
        rm -rf /var/lib/tom/rollback/pending /var/lib/tom/enabled || true
    fi
}
